import { describe, expect, it } from 'vitest';
import { loadClass } from '../src/load-class.js';
import { scratchFolder } from './put.js';

const { path, put } = scratchFolder();
const problem = (name: string) => ({
  [`problems/${name}/problem.yaml`]: `name: ${name}`,
  [`problems/${name}/data/secret/1.in`]: '',
  [`problems/${name}/data/secret/1.ans`]: '',
});

describe('a class folder', () => {
  it('contains its problems with their submissions and expected verdicts', async () => {
    await put({ ...problem('p'), 'submissions/p/a.py': '', 'expected.json': '{"p": {"a.py": "WA"}}' });
    const found = await loadClass(path());
    expect(found?.jobs.map((job) => [job.problem.name, job.submissions.length])).toEqual([['p', 1]]);
    expect(found?.expected.get('p')?.get('a.py')).toBe('WA');
  });

  it('may have a folder for each student, who has a row for each problem', async () => {
    await put({
      ...problem('p'),
      ...problem('q'),
      'students/ann/p.py': '',
      'students/ann/q/main.py': '',
      'students/ann/q/util.py': '',
      'students/bob/p.py': '',
      'students/list.txt': '',
    });
    const jobs = (await loadClass(path()))?.jobs ?? [];
    expect(jobs.map(({ submissions }) => submissions.map(({ label, fault }) => [label, fault]))).toEqual([
      [
        ['ann', null],
        ['bob', null],
      ],
      [
        ['ann', null],
        ['bob', 'nothing was handed in'],
      ],
    ]);
  });

  it('goes on past strays and problems that nobody has handed in', async () => {
    await put({ ...problem('p'), ...problem('q'), 'problems/README.md': '', 'submissions/p/a.py': '' });
    const found = await loadClass(path());
    expect(found?.jobs.map(({ submissions }) => submissions.length)).toEqual([1, 0]);
    expect(found?.ignored).toEqual([path('problems/README.md')]);
  });

  it('needs a folder problems/ and a submission, and its expected verdicts are checked', async () => {
    expect(await loadClass(path())).toBeNull();
    await put(problem('p'));
    await expect(loadClass(path())).rejects.toThrow(/contains no submission/);
    await put({ 'problems/p/submissions/accepted/a.py': '' });
    expect((await loadClass(path()))?.jobs[0]?.submissions.map(({ label }) => label)).toEqual([
      'accepted/a.py',
    ]);
    await put({ 'submissions/p/a.py': '', 'expected.json': '{"p": {"a.py": "GOOD"}}' });
    await expect(loadClass(path())).rejects.toThrow(/expected\.json: p\.a\.py: /);
  });
});
