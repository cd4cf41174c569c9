import { describe, expect, it } from 'vitest';
import { Judging } from '../../src/judge/judging.js';
import { loadProblem } from '../../src/package/problem.js';
import { submissionOf } from '../graded.js';
import { scratchFolder, testFiles } from '../put.js';
import { outcomeOf } from '../results.js';

const { path, put } = scratchFolder();

const PACKAGE = {
  'problem.yaml': 'type: scoring\ngrading: {objective: max}',
  'graders/best.py': '',
  'data/secret/testdata.yaml': 'on_reject: continue',
  'data/secret/a/testdata.yaml': 'grading: custom\ngrader_flags: best 2\naccept_score: 5',
  ...testFiles('secret/a/1'),
  ...testFiles('secret/a/2'),
  ...testFiles('secret/b'),
};

describe('a grader of the package', () => {
  it('is asked when the results of its group are there, and its answer counts', async () => {
    await put(PACKAGE);
    const problem = await loadProblem(path());
    expect(problem.grader?.name).toBe('graders/best.py');
    expect(problem.best.problem).toBeNull();
    const judging = new Judging(problem, submissionOf('a.py'), true);
    for (const test of judging.next(9)) {
      judging.record(test, outcomeOf(test.name, test.name === 'secret/a/2' ? 'MLE' : 'AC'));
    }
    const [call] = judging.graderCalls();
    expect(call).toEqual({ group: 'data/secret/a', flags: ['best', '2'], results: 'AC 5\nRTE 0\n' });
    if (call === undefined) return;
    judging.recordAnswer(call, { verdict: 'AC', score: 7 });
    expect(judging.graderCalls()).toEqual([]);
    expect(judging.outcome()).toMatchObject({ verdict: 'AC', score: 8 });
  });

  it('that does not answer is a failure of the judge', async () => {
    await put(PACKAGE);
    const judging = new Judging(await loadProblem(path()), submissionOf('a.py'), true);
    for (const test of judging.next(9)) judging.record(test, outcomeOf(test.name, 'AC'));
    const [call] = judging.graderCalls();
    if (call !== undefined) judging.recordAnswer(call, { fault: 'graders/best.py: printed nothing' });
    expect(judging.outcome()).toMatchObject({ verdict: 'JE', fault: 'graders/best.py: printed nothing' });
  });

  it.each<[string, Record<string, string>, RegExp]>([
    ['several', { 'graders/other.py': '' }, /graders: contains 2 graders; a problem has one/],
    [
      'without points',
      { 'problem.yaml': 'name: x', 'data/secret/a/testdata.yaml': 'grading: custom' },
      /grading: custom: is only for scoring problems/,
    ],
  ])('is refused: %s', async (_name, files, message) => {
    await put({ ...PACKAGE, ...files });
    await expect(loadProblem(path())).rejects.toThrow(message);
  });
});
