import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadClass } from '../src/load-class.js';
import { loadProblem } from '../src/load-problem.js';
import { loadSubmissions } from '../src/load-submissions.js';

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'grading-'));
});
afterEach(async () => {
  await rm(root, { recursive: true });
});

async function put(files: Record<string, string | Uint8Array>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), content);
  }
}

describe('a problem folder', () => {
  it('lists samples first, each group in natural order', async () => {
    await put({ 'problem.yaml': 'name: x', 'data/sample/1.in': 'a', 'data/sample/1.ans': 'b' });
    for (const n of ['10', '9', '1'])
      await put({ [`data/secret/${n}.in`]: n, [`data/secret/${n}.ans`]: n, [`data/secret/${n}.desc`]: '' });
    const { tests } = await loadProblem(root);
    expect(tests.map((test) => test.name)).toEqual(['sample/1', 'secret/1', 'secret/9', 'secret/10']);
    expect(tests[0]?.answer.toString()).toBe('b');
  });

  it.each<[string, Record<string, string>, RegExp]>([
    ['is empty', {}, /problem\.yaml: no such file/],
    ['has no data', { 'problem.yaml': 'name: x' }, /no test data/],
    ['has empty data', { 'problem.yaml': 'name: x', 'data/secret/readme': '' }, /no test data/],
    [
      'lacks an answer',
      { 'problem.yaml': 'name: x', 'data/secret/03.in': '' },
      /secret\/03\.in: has no answer file 03\.ans/,
    ],
    [
      'lacks an input',
      { 'problem.yaml': 'name: x', 'data/sample/a.ans': '' },
      /sample\/a\.ans: has no input file a\.in/,
    ],
    [
      'has a folder for an input',
      { 'problem.yaml': 'name: x', 'data/secret/1.in/x': '', 'data/secret/1.ans': '' },
      /1\.in: is a folder/,
    ],
  ])('that %s is refused by name', async (_name, files, message) => {
    await put(files);
    await expect(loadProblem(root)).rejects.toThrow(message);
  });

  it('must be a folder that exists', async () => {
    await put({ file: '' });
    await expect(loadProblem(join(root, 'none'))).rejects.toThrow(/none: no such problem folder/);
    await expect(loadProblem(join(root, 'file'))).rejects.toThrow(/file: is not a folder/);
  });
});

describe('submissions', () => {
  it('are files and folders of files, labelled by path when names are equal', async () => {
    await put({
      'a/x.py': '1',
      'a/deep/y.py': '2',
      'a/notes.txt': '',
      'b/x.py': '3',
      'a/__pycache__/z.py': '',
    });
    const found = await loadSubmissions([join(root, 'a'), join(root, 'b', 'x.py'), join(root, 'a', 'x.py')]);
    expect(found.map((one) => one.label)).toEqual(['y.py', join(root, 'a/x.py'), join(root, 'b/x.py')]);
    expect(found.map((one) => one.source)).toEqual(['2', '1', '3']);
  });

  it('are refused by name when missing, of another kind, or not UTF-8', async () => {
    await put({ 'latin.py': Uint8Array.of(0x23, 0xe9), 'x.c': '', 'empty/x.txt': '' });
    await expect(loadSubmissions([join(root, 'none.py')])).rejects.toThrow(/none\.py: no such submission/);
    await expect(loadSubmissions([join(root, 'latin.py')])).rejects.toThrow(/latin\.py: is not UTF-8$/);
    await expect(loadSubmissions([join(root, 'x.c')])).rejects.toThrow(/x\.c: a submission is a \.py file/);
    await expect(loadSubmissions([join(root, 'empty')])).rejects.toThrow(
      /empty: the folder contains no \.py file/,
    );
  });

  it('are refused where a link leads out of the folder: to an answer, to a key, to nowhere, or by a folder', async () => {
    await put({
      'secret/key.py': 'SECRET',
      'ok/a.py': 'a',
      'file/a.py': 'a',
      'folder/a.py': 'a',
      'gone/a.py': 'a',
    });
    await symlink('a.py', join(root, 'ok/same.py'));
    await symlink('../secret/key.py', join(root, 'file/b.py'));
    await symlink('../secret', join(root, 'folder/b'));
    await symlink('../nowhere.py', join(root, 'gone/b.py'));
    expect((await loadSubmissions([join(root, 'ok')])).map((one) => one.source)).toEqual(['a', 'a']);
    for (const name of ['file', 'folder', 'gone']) {
      await expect(loadSubmissions([join(root, name)])).rejects.toThrow(/is a link that leads out of \S+$/);
    }
  });

  it('of 100 MiB are refused by their size, unread', async () => {
    await put({ 'big.py': '' });
    await truncate(join(root, 'big.py'), 100 * 2 ** 20);
    await expect(loadSubmissions([join(root, 'big.py')])).rejects.toThrow(
      /big\.py: is too large \(100 MiB, at most 8 MiB\)/,
    );
  });
});

describe('a class folder', () => {
  const files = {
    'problems/p/problem.yaml': 'name: P',
    'problems/p/data/secret/1.in': '',
    'problems/p/data/secret/1.ans': '',
    'submissions/p/a.py': '',
  };

  it('contains its problems with their submissions and expected verdicts', async () => {
    await put({ ...files, 'expected.json': '{"p": {"a.py": "WA"}}' });
    const found = await loadClass(root);
    expect(found?.jobs.map((job) => [job.problem.name, job.submissions.length])).toEqual([['P', 1]]);
    expect(found?.expected.get('p')?.get('a.py')).toBe('WA');
  });

  it('needs a folder problems/, and its expected verdicts are checked', async () => {
    expect(await loadClass(root)).toBeNull();
    await put({ ...files, 'expected.json': '{"p": {"a.py": "GOOD"}}' });
    await expect(loadClass(root)).rejects.toThrow(/expected\.json: p\.a\.py: /);
  });
});
