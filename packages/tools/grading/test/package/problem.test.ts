import { mkdir, symlink, truncate } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { loadProblem } from '../../src/package/problem.js';
import { scratchFolder, testFiles } from '../put.js';

const { path, put } = scratchFolder();
const MODERN = 'problem_format_version: 2025-09\nname: x\nuuid: u\n';

describe('a problem package', () => {
  it('has the name of its folder where it says none', async () => {
    await put({
      'sums/problem.yaml': 'source: x',
      'sums/data/secret/1.in': '',
      'sums/data/secret/1.ans': '',
    });
    expect((await loadProblem(path('sums'))).name).toBe('sums');
  });

  it.each<[string, Record<string, string>, RegExp]>([
    ['is empty', {}, /problem\.yaml: no such file/],
    ['has no data', { 'problem.yaml': 'name: x' }, /no test data/],
    ['has empty data', { 'problem.yaml': 'name: x', 'data/secret/readme': '' }, /no test data/],
    [
      'is interactive, and has no validator',
      { 'problem.yaml': `${MODERN}type: interactive` },
      /problem\.yaml: interactive problems need an output validator/,
    ],
    [
      'has several passes',
      { 'problem.yaml': `${MODERN}type: multi-pass` },
      /multi-pass problems need an output/,
    ],
    [
      'has a validator in C++',
      { 'problem.yaml': MODERN, 'output_validator/v.cc': '' },
      /v\.cc: C\+\+ is compiled only where --compile/,
    ],
    [
      'has a static validator',
      { 'problem.yaml': MODERN, 'static_validator/v.py': '' },
      /static validators are not run/,
    ],
    [
      'has a grader',
      { 'problem.yaml': 'type: scoring', 'data/testdata.yaml': 'grading: custom', ...testFiles('secret/1') },
      /data\/testdata\.yaml: grading: custom: and there is no grader in graders\//,
    ],
    [
      'has static tests',
      {
        'problem.yaml': MODERN,
        'data/secret/test_group.yaml': 'static_validation_score: pass-fail',
        ...testFiles('secret/1'),
      },
      /static_validation_score: static validators are not run/,
    ],
    [
      'has a time limit twice',
      { 'problem.yaml': 'limits: {time_limit: 2}', '.timelimit': '1\n', ...testFiles('secret/1') },
      /\.timelimit: a time limit of 1 s, but \S+problem\.yaml says 2 s/,
    ],
    [
      'has a wrong time limit',
      { 'problem.yaml': 'name: x', '.timelimit': 'soon', ...testFiles('secret/1') },
      /\.timelimit: the time limit must be a number of seconds/,
    ],
  ])('that %s is refused by name', async (_name, files, message) => {
    await put(files);
    await expect(loadProblem(path())).rejects.toThrow(message);
  });

  it('must be a folder or an archive that exists', async () => {
    await put({ file: '' });
    await expect(loadProblem(path('none'))).rejects.toThrow(/none: no such problem folder/);
    await expect(loadProblem(path('file'))).rejects.toThrow(/file: is not a folder/);
  });

  it('takes the time limit of DOMjudge from beside its settings', async () => {
    await put({ 'a/problem.yaml': 'name: x', 'a/.timelimit': '1.5\n' });
    await put({ 'b/problem.yaml': 'name: x', 'b/domjudge-problem.ini': "short-name=b\ntimelimit = '3'\n" });
    for (const name of ['a', 'b'])
      await put({ [`${name}/data/secret/1.in`]: '', [`${name}/data/secret/1.ans`]: '' });
    expect((await loadProblem(path('a'))).limits.cpuMs).toBe(1500);
    expect((await loadProblem(path('b'))).limits.cpuMs).toBe(3000);
  });

  it('names what it does not look at', async () => {
    await put({
      'problem.yaml': 'name: x',
      '.hidden': '',
      notes: '',
      'output_validators/v.cc': '',
      'submissions/accepted/a.cpp': '',
      'submissions/accepted/b.py': '#!/usr/bin/env python2\n',
      'submissions/accepted/c.py': '',
      'data/secret/1.desc': '',
      'data/secret/1.c': '',
      'data/secret/1.hint': '',
      ...testFiles('secret/1'),
    });
    const problem = await loadProblem(path());
    expect(problem.ignored).toEqual([
      'notes',
      'data/secret/1.c',
      'submissions/accepted/a.cpp',
      'submissions/accepted/b.py',
    ]);
    expect(problem.examples.map(({ label }) => label)).toEqual(['accepted/c.py']);
  });

  it('gives its files to every submission, those of Python over those of all languages', async () => {
    await put({
      'problem.yaml': `${MODERN}constants: {n: 7}`,
      'include/default/data.txt': 'default',
      'include/default/other.txt': 'other',
      'include/python3/data.txt': 'n is {{n}}',
      'include/cpp/main.cpp': '',
      ...testFiles('secret/1'),
    });
    const { included, ignored } = await loadProblem(path());
    expect(ignored).toEqual(['include/cpp']);
    expect(included.map(({ name, bytes }) => [name, bytes.toString()])).toEqual([
      ['data.txt', 'n is 7'],
      ['other.txt', 'other'],
    ]);
  });

  it('may have links to its own files, and to no others', async () => {
    await put({
      'p/problem.yaml': 'name: x',
      'p/data/secret/1.in': 'in',
      'p/data/secret/1.ans': '',
      outside: 'key',
    });
    await symlink('1.ans', path('p/data/secret/2.ans'));
    await symlink('1.in', path('p/data/secret/2.in'));
    const { allTests } = await loadProblem(path('p'));
    expect((await allTests[1]?.input.read())?.toString()).toBe('in');
    await symlink('../../../outside', path('p/data/secret/3.in'));
    await expect(loadProblem(path('p'))).rejects.toThrow(/3\.in: is a link that leads out of/);
  });

  it('of which a file is too large is refused by its size, unread', async () => {
    await put({ 'problem.yaml': 'name: x', ...testFiles('secret/1') });
    await truncate(path('data/secret/1.in'), 100 * 2 ** 20);
    await expect(loadProblem(path())).rejects.toThrow(/1\.in: is too large \(100 MiB, at most 64 MiB\)/);
    await truncate(path('problem.yaml'), 10 * 2 ** 20);
    await expect(loadProblem(path())).rejects.toThrow(/problem\.yaml: is too large/);
  });

  it('with names that are not UTF-8 names them as ignored', async () => {
    await put({ 'problem.yaml': 'name: x', ...testFiles('secret/1') });
    await mkdir(Buffer.from(`${path('data/secret')}/\xff`, 'latin1'));
    const problem = await loadProblem(path());
    expect(problem.ignored).toEqual(['data/secret/\uFFFD']);
    expect(problem.allTests).toHaveLength(1);
  });
});
