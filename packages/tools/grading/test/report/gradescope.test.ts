import { describe, expect, it } from 'vitest';
import type { SubmissionOutcome } from '../../src/judge/outcome.js';
import { gradescopeOf, withoutGradescope } from '../../src/report/gradescope.js';
import { outcomeOf } from '../results.js';
import { gradedAs, gradedRow, reportOf, summaryOf, wrongAnswer } from './reported.js';

function resultsOf(outcome: SubmissionOutcome, isScoring = false): unknown {
  const report = reportOf([gradedAs([gradedRow('a.py', outcome)], isScoring)]);
  const [problem] = report.problems;
  const [submission] = problem?.submissions ?? [];
  if (problem === undefined || submission === undefined) throw new Error('no submission');
  const text = gradescopeOf(problem, submission, 'after_published');
  return text === null ? null : JSON.parse(text);
}

describe('results.json', () => {
  it('has one point for a problem without points, and a test for each test', () => {
    const tests = [outcomeOf('sample/1', 'AC'), wrongAnswer('secret/1')];
    expect(resultsOf(summaryOf(tests, { total: 5 }))).toEqual({
      score: 0,
      max_score: 1,
      output: 'WA: passed 1 of 5 tests; judging stopped after 2 of 5 tests.',
      visibility: 'visible',
      stdout_visibility: 'hidden',
      tests: [
        { name: 'sample/1', score: 1, max_score: 1, status: 'passed', output: 'AC', visibility: 'visible' },
        {
          ...{ name: 'secret/1', score: 0, max_score: 1, status: 'failed', visibility: 'after_published' },
          output: 'WA: line 3: expected "SECRET", got "GOT"',
        },
      ],
    });
    expect(resultsOf(summaryOf([outcomeOf('sample/1', 'AC')]))).toMatchObject({ score: 1, max_score: 1 });
  });

  it('has points of the problem and of its groups', () => {
    const groups = [
      { group: 'data/secret', verdict: 'WA', score: 40, maxScore: 100 },
      { group: 'data/secret/small', verdict: 'AC', score: 40, maxScore: 40 },
      { group: 'data/secret/large', verdict: null, score: 0, maxScore: 60 },
    ] as const;
    expect(
      resultsOf(summaryOf([outcomeOf('secret/small/1', 'AC')], { score: 40, maxScore: 100, groups }), true),
    ).toMatchObject({
      score: 40,
      max_score: 100,
      tests: [
        { name: 'secret/small', score: 40, max_score: 40, visibility: 'after_published' },
        { name: 'secret/large', score: 0, max_score: 60, output: 'not judged' },
        { name: 'secret/small/1', status: 'passed' },
      ],
    });
  });

  it('has the fault of what cannot run, and a bounded message of the validator', () => {
    expect(resultsOf(summaryOf([], { verdict: 'CE', fault: 'is empty' }))).toMatchObject({
      score: 0,
      output: 'is empty',
      tests: [],
    });
    const loud = outcomeOf('sample/1', 'WA', { teamMessage: 'x'.repeat(100_000) });
    expect(JSON.stringify(resultsOf(summaryOf([loud]))).length).toBeLessThan(5000);
  });

  it('is not there where the judge failed or was stopped: a student must not get 0 for it', () => {
    const failed = gradedRow('a.py', summaryOf([outcomeOf('secret/1', 'JE')]));
    const stopped = gradedRow('b.py', summaryOf([]), { isFinished: false });
    const report = reportOf([gradedAs([failed, stopped])]);
    expect(resultsOf(failed.outcome)).toBeNull();
    expect(withoutGradescope(report)).toBe(2);
  });
});
