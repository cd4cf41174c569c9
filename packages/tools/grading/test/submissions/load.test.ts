import { symlink, truncate } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { loadSubmissions } from '../../src/submissions/load.js';
import { withIncluded } from '../../src/submissions/program.js';
import { scratchFolder } from '../put.js';

const { path, put } = scratchFolder();
const load = async (...names: string[]) =>
  (await loadSubmissions(names.map((name) => path(name)))).submissions;
const shown = async (...names: string[]) =>
  (await load(...names)).map(({ label, program, fault }) => [
    label,
    program === null ? fault : [program.entry, ...program.files.map(({ name }) => name)].join(' '),
  ]);

describe('submissions', () => {
  it('are the files and folders of a folder, labelled by path when names are equal', async () => {
    await put({
      'a/x.py': '1',
      'a/bob/y.py': '2',
      'a/notes.txt': '',
      'b/x.py': '3',
      'a/__pycache__/z.py': '',
    });
    const { submissions, ignored } = await loadSubmissions([path('a'), path('b/x.py'), path('a/x.py')]);
    expect(submissions.map((one) => one.label)).toEqual(['bob', path('a/x.py'), path('b/x.py')]);
    expect(submissions.map((one) => one.program?.files[0]?.bytes.toString())).toEqual(['2', '1', '3']);
    expect(ignored).toEqual([path('a/notes.txt')]);
  });

  it('that are folders are one program each, by main.py, __main__.py, the only file, or the one that imports', async () => {
    await put({
      'all/main/main.py': '',
      'all/main/util.py': '',
      'all/main/data/words.txt': '',
      'all/package/__init__.py': '',
      'all/package/__main__.py': 'from . import lib',
      'all/package/lib.py': '',
      'all/only/solve.py': '',
      'all/only/.git/config': '',
      'all/helpers/alice.py': 'import sys, heap\nfrom graph import dfs\n',
      'all/helpers/heap.py': 'import sys',
      'all/helpers/graph.py': '',
      'all/wrapped/hand-in/main.py': '',
      'all/wrapped/hand-in/lib/x.py': '',
      'all/wrapped/readme.txt': '',
    });
    expect(await shown('all')).toEqual([
      ['helpers', 'alice.py alice.py graph.py heap.py'],
      ['main', 'main.py data/words.txt main.py util.py'],
      ['only', 'solve.py solve.py'],
      ['package', '__main__.py __init__.py __main__.py lib.py'],
      ['wrapped', 'main.py lib/x.py main.py'],
    ]);
    expect(await shown('all/main')).toEqual([['main', 'main.py data/words.txt main.py util.py']]);
  });

  it('that cannot run are rows with the reason, and the others run', async () => {
    await put({
      'all/empty/readme.md': '',
      'all/two/a.py': '',
      'all/two/b.py': '',
      'all/old.py': '#!/usr/bin/python2\nprint 1',
      'all/latin.py': Uint8Array.of(0x23, 0xe9),
      'all/good.py': '',
      'all/big.py': '',
      'all/broken.zip': 'no archive',
      'key.py': 'SECRET',
    });
    await truncate(path('all/big.py'), 100 * 2 ** 20);
    await symlink('../key.py', path('all/link.py'));
    await symlink('../nowhere.py', path('all/gone.py'));
    await symlink('../../key.py', path('all/empty/out.py'));
    const rows = Object.fromEntries(await shown('all'));
    expect(rows).toMatchObject({
      empty: expect.stringMatching(/^out\.py: is a link that leads out of /) as string,
      two: 'which of its files starts is not clear (a.py, b.py); name one main.py or __main__.py',
      'old.py': 'asks for Python 2, which is not offered',
      'latin.py': 'latin.py latin.py',
      'good.py': 'good.py good.py',
      'big.py': 'is too large (100 MiB, at most 8 MiB)',
      'broken.zip': expect.stringMatching(/^cannot be unpacked: /) as string,
      'link.py': expect.stringMatching(/^is a link that leads out of /) as string,
      'gone.py': expect.stringMatching(/^is a link that leads out of /) as string,
    });
  });

  it('are refused by name where the command line is wrong', async () => {
    await put({ 'x.c': '', 'empty/x.txt': '' });
    await expect(load('none.py')).rejects.toThrow(/none\.py: no such submission/);
    await expect(load('x.c')).rejects.toThrow(/x\.c: a submission is a \.py file, a \.zip, or a folder/);
    await expect(load('empty')).rejects.toThrow(/empty: the folder contains no \.py file/);
  });

  it('may have links within their folder', async () => {
    await put({ 'ok/a.py': 'a' });
    await symlink('a.py', path('ok/same.py'));
    expect(await shown('ok')).toEqual([
      ['a.py', 'a.py a.py'],
      ['same.py', 'same.py same.py'],
    ]);
  });

  it('get the files of the problem over their own, and its driver starts', () => {
    const file = (name: string, text: string) => ({ name, bytes: Buffer.from(text) });
    const program = { entry: 'a.py', files: [file('a.py', 'mine'), file('lib.py', 'mine')] };
    const helped = withIncluded(program, [file('lib.py', 'theirs')]);
    expect(helped.entry).toBe('a.py');
    expect(helped.files.map(({ name, bytes }) => `${name} ${bytes.toString()}`)).toEqual([
      'a.py mine',
      'lib.py theirs',
    ]);
    expect(withIncluded(program, [file('__main__.py', '')]).entry).toBe('__main__.py');
  });
});
