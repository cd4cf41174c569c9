import { describe, expect, it } from 'vitest';
import { isSeenTest, reportForStudents } from '../../src/report/for-students.js';
import type { TestOutcome, Verdict } from '../../src/judge/verdict.js';
import { outcomeOf } from '../results.js';
import { gradedAs, gradedRow, reportOf, summaryOf, wrongAnswer } from './reported.js';

function forStudents(...tests: TestOutcome[]): readonly TestOutcome[] {
  const report = reportForStudents(reportOf([gradedAs([gradedRow('a.py', summaryOf(tests))])]));
  return report.problems[0]?.submissions[0]?.tests ?? [];
}

const reasonOf = (verdict: Verdict, more: Partial<TestOutcome>): string | null | undefined =>
  forStudents(outcomeOf('secret/1', verdict, more))[0]?.reason;

describe('a report for students', () => {
  it('keeps what is said of samples, and of secret tests only the place', () => {
    const [sample, secret] = forStudents(wrongAnswer('sample/1'), wrongAnswer('secret/1'));
    expect(sample?.reason).toBe('line 3: expected "SECRET", got "GOT"');
    expect(secret?.reason).toBe('wrong answer (line 3)');
    expect(isSeenTest('samples-that-are-secret/1', undefined)).toBe(false);
  });

  it('keeps of a course what its tests say of themselves', () => {
    const failed = { reason: 'AssertionError: 3 != 4', maxScore: 2, score: 0, number: '1.1' };
    const [seen, hidden] = forStudents(
      outcomeOf('test_sum', 'WA', { ...failed, visibility: 'visible' }),
      outcomeOf('test_all', 'WA', { ...failed, visibility: 'after_due_date' }),
    );
    expect(seen?.reason).toBe('AssertionError: 3 != 4');
    expect(hidden).toMatchObject({ reason: 'wrong answer', maxScore: 2, number: '1.1' });
  });

  it.each([
    ['WA', { reason: 'the output ends before token 3, "SECRET"' }, 'wrong answer'],
    ['WA', { reason: 'the judge says SECRET' }, 'wrong answer'],
    ['RTE', { reason: "KeyError: 'SECRET'" }, 'run-time error (KeyError)'],
    ['RTE', { reason: 'SECRETError: x' }, 'run-time error'],
    ['RTE', { reason: 'exit code 83' }, 'run-time error'],
    ['CE', { reason: 'SyntaxError: SECRET' }, 'does not compile (SyntaxError)'],
    ['TLE', { status: 'time-limit', reason: 'CPU time: SECRET' }, 'more CPU time than allowed'],
    ['TLE', { status: 'wall-limit', reason: 'SECRET' }, 'more elapsed time than allowed'],
    [
      'TLE',
      { status: 'deadlock', reason: 'SECRET' },
      'deadlock: the program and the validator both wait for input',
    ],
    ['MLE', { status: 'memory-limit', reason: 'SECRET' }, 'more memory than allowed'],
    ['OLE', { status: 'output-limit', reason: 'SECRET' }, 'more output than allowed'],
    ['JE', { reason: 'v.py: SECRET' }, 'the judge failed, not the program'],
  ] as const)('says of %s %j on a secret test: %s', (verdict, more, reason) => {
    expect(reasonOf(verdict, more)).toBe(reason);
  });

  it('has no exit code, signal, conversation or message for judges of a secret test, and the message for teams', () => {
    const [test] = forStudents(
      outcomeOf('secret/1', 'WA', {
        exitCode: 83,
        signal: 'SIGUSR1',
        judgeMessage: 'SECRET',
        conversation: [{ from: 'interactor', data: 'SECRET' }],
        teamMessage: 'Read again.',
      }),
    );
    expect(test).toMatchObject({ exitCode: null, signal: null, teamMessage: 'Read again.' });
    expect(JSON.stringify(test)).not.toContain('SECRET');
  });

  it('quotes nothing in the first failure either', () => {
    const report = reportForStudents(
      reportOf([gradedAs([gradedRow('a.py', summaryOf([wrongAnswer('secret/1')]))])]),
    );
    expect(JSON.stringify(report)).not.toMatch(/SECRET|GOT/);
  });
});
