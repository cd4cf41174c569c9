import { describe, expect, it } from 'vitest';
import { type TestGroup, testsOf } from '../../src/data/test-case.js';
import type { TestOutcome, Verdict } from '../../src/judge/verdict.js';
import { bestScores, walkTests } from '../../src/scoring/score.js';
import type { ScoringProblem, Walk } from '../../src/scoring/walk.js';
import { legacyData, modernData, outcomeOf } from '../results.js';

interface Graded {
  verdict: Verdict;
  score: number | null;
  reason: string | null;
  groups: Record<string, [Verdict | null, number | null]>;
  ran: string[];
}

/** Judges until the verdict stands, one test at a time; tests that are not named pass. */
function grade(
  tests: TestGroup,
  given: Readonly<Record<string, Verdict | Partial<TestOutcome>>>,
  more: Partial<ScoringProblem> & { all?: boolean } = {},
): Graded {
  const problem: ScoringProblem = { tests, isScoring: true, objective: 'max', ...more };
  const outcomes = new Map<string, TestOutcome>();
  for (;;) {
    const walk: Walk = {
      outcomeOf: (test) => outcomes.get(test.name),
      decides: () => more.all !== true,
      pending: [],
      limit: 1,
    };
    const result = walkTests(problem, walk);
    const [next] = walk.pending;
    if (next === undefined) {
      const groups = Object.fromEntries(
        result.groups.map((one) => [one.group, [one.verdict, one.score]] as const),
      );
      return { ...result, groups: groups as Graded['groups'], ran: [...outcomes.keys()] };
    }
    const is = given[next.name] ?? 'AC';
    const outcome = typeof is === 'string' ? outcomeOf(next.name, is) : outcomeOf(next.name, 'AC', is);
    outcomes.set(next.name, outcome);
  }
}

describe('points of the earlier format', () => {
  const shape = { sample: ['1'], a: ['1', '2'], b: ['1', '2', '3'] };
  // As subtasks are made: each group counts once, and one that fails does not end the others.
  const subtasks = legacyData(
    {
      data: { breaksOnReject: false, ignoresSample: true, range: [0, 100] },
      'data/secret': {
        breaksOnReject: false,
        verdictMode: 'first_error',
        acceptsIfAny: true,
        range: [0, 100],
      },
      'data/secret/a': { scoreMode: 'min', acceptScore: 40 },
      'data/secret/b': { scoreMode: 'min', acceptScore: 60 },
    },
    shape,
  );

  it('are the sum of the tests where nothing else is said', () => {
    expect(grade(legacyData({}, shape), {})).toMatchObject({ verdict: 'AC', score: 6 });
  });

  it('come from groups that fail or pass as a whole', () => {
    expect(grade(subtasks, {})).toMatchObject({ verdict: 'AC', score: 100 });
    const partial = grade(subtasks, { 'secret/a/1': 'WA', 'secret/b/3': 'AC' });
    expect(partial).toMatchObject({ verdict: 'AC', score: 60 });
    expect(partial.groups).toMatchObject({ 'data/secret/a': ['WA', 0], 'data/secret/b': ['AC', 60] });
    // The rest of a group that has failed does not run, and the next group does.
    expect(partial.ran).toEqual(['sample/1', 'secret/a/1', 'secret/b/1', 'secret/b/2', 'secret/b/3']);
    expect(grade(subtasks, { 'secret/a/1': 'WA', 'secret/b/1': 'TLE' })).toMatchObject({
      verdict: 'WA',
      score: 0,
    });
    // Samples do not count here.
    expect(grade(subtasks, { 'sample/1': 'WA' })).toMatchObject({ verdict: 'AC', score: 100 });
  });

  it('are none of a submission that is rejected', () => {
    const strict = legacyData(
      { data: { breaksOnReject: false }, 'data/secret': { breaksOnReject: false } },
      shape,
    );
    expect(grade(strict, { 'secret/b/3': 'WA' })).toMatchObject({ verdict: 'WA', score: 0 });
    expect(grade(strict, { 'secret/b/3': 'WA' }, { objective: 'min' }).score).toBeNull();
  });

  it.each([
    ['sum', 1 + 0 + 1],
    ['avg', 2 / 3],
    ['min', 0],
    ['max', 1],
  ] as const)('are the %s', (scoreMode, expected) => {
    const data = legacyData(
      {
        data: { ignoresSample: true, breaksOnReject: false, verdictMode: 'always_accept' },
        'data/secret/b': { scoreMode, verdictMode: 'always_accept', breaksOnReject: false },
      },
      { b: ['1', '2', '3'] },
    );
    expect(grade(data, { 'secret/b/2': 'WA' }).score).toBeCloseTo(expected, 8);
  });

  it('may come from the validator', () => {
    expect(grade(legacyData({}, { a: ['1', '2'] }), { 'secret/a/1': { score: 7.5 } }).score).toBe(8.5);
  });

  it('outside of the range of their group are a fault of the package', () => {
    const data = legacyData({ 'data/secret/a': { range: [0, 5], acceptScore: 10 } }, { a: ['1'] });
    expect(grade(data, {})).toMatchObject({
      verdict: 'JE',
      score: 0,
      reason: 'data/secret/a: a score of 10 is outside of its range, 0 to 5',
    });
  });

  it('have a best', () => {
    const problem = { isScoring: true, objective: 'max' } as const;
    expect(bestScores({ ...problem, tests: subtasks }).problem).toBe(100);
    expect(bestScores({ ...problem, tests: subtasks }).groups.get('data/secret/a')).toBe(40);
    expect(bestScores({ ...problem, tests: legacyData({}, shape) }).problem).toBe(6);
    expect(bestScores({ ...problem, objective: 'min', tests: subtasks }).problem).toBeNull();
    expect(bestScores({ ...problem, isScoring: false, tests: subtasks }).problem).toBeNull();
  });
});

describe('verdicts of the earlier format', () => {
  const shape = { sample: ['1'], a: ['1', '2', '3'] };
  const passFail = { isScoring: false };

  it('stop at the first failure, which is the verdict', () => {
    const data = legacyData({}, shape);
    expect(grade(data, { 'secret/a/1': 'WA', 'secret/a/2': 'RTE' }, passFail)).toMatchObject({
      verdict: 'WA',
      score: null,
      ran: ['sample/1', 'secret/a/1'],
    });
    expect(grade(data, { 'sample/1': 'TLE' }, passFail).ran).toEqual(['sample/1']);
  });

  it('are the same where all tests run', () => {
    const found = grade(
      legacyData({}, shape),
      { 'secret/a/1': 'WA', 'secret/a/2': 'RTE' },
      { ...passFail, all: true },
    );
    expect(found.verdict).toBe('WA');
    expect(found.ran).toHaveLength(4);
  });

  it('are the worst where judging goes on, or the first', () => {
    const on = { breaksOnReject: false };
    const given = { 'secret/a/1': 'WA', 'secret/a/2': 'TLE', 'secret/a/3': 'MLE' } as const;
    const rules = { data: on, 'data/secret': on, 'data/secret/a': on };
    // The first failure decides that it is rejected, and all tests of the group still count.
    expect(grade(legacyData(rules, shape), given, passFail).verdict).toBe('MLE');
    const first = { ...rules, 'data/secret/a': { ...on, verdictMode: 'first_error' } } as const;
    expect(grade(legacyData(first, shape), given, passFail).verdict).toBe('WA');
  });

  it('are JE where the judge failed, whatever the mode', () => {
    const data = legacyData(
      { 'data/secret/a': { verdictMode: 'always_accept', breaksOnReject: false } },
      shape,
    );
    expect(grade(data, { 'secret/a/2': 'JE' }, passFail).verdict).toBe('JE');
  });
});

describe('points of 2025-09', () => {
  it('are spread evenly over the tests of secret', () => {
    const data = modernData({}, { sample: ['1'], secret: ['1', '2', '3'] });
    expect(grade(data, {}).score).toBe(100);
    expect(grade(data, { 'secret/2': 'WA' })).toMatchObject({ verdict: 'WA', score: 66.666666667 });
    // Samples give no points.
    expect(grade(data, { 'sample/1': 'WA' }).score).toBe(100);
    expect(grade(data, { 'secret/1': 'WA' }).ran).toHaveLength(4);
  });

  it('come from groups that pass as a whole', () => {
    const data = modernData(
      { 'data/secret/a': { maxScore: 30 }, 'data/secret/b': { maxScore: 70 } },
      { a: ['1', '2'], b: ['1', '2'] },
    );
    const found = grade(data, { 'secret/a/1': 'WA' });
    expect(found).toMatchObject({
      score: 70,
      verdict: 'WA',
      ran: ['secret/a/1', 'secret/b/1', 'secret/b/2'],
    });
    expect(found.groups).toMatchObject({
      'data/secret': ['WA', 70],
      'data/secret/a': ['WA', 0],
      'data/secret/b': ['AC', 70],
    });
  });

  it('are the least of a group with min, and go on in one with sum', () => {
    const data = modernData(
      {
        'data/secret/a': { maxScore: 30, aggregation: 'min' },
        'data/secret/b': { maxScore: 70, aggregation: 'sum' },
      },
      { a: ['1', '2'], b: ['1', '2'] },
    );
    expect(grade(data, { 'secret/a/1': { scoreMultiplier: 0.5 }, 'secret/b/1': 'WA' }).score).toBe(50);
    expect(grade(data, { 'secret/a/1': 'WA', 'secret/b/1': 'WA' })).toMatchObject({
      score: 35,
      ran: ['secret/a/1', 'secret/b/1', 'secret/b/2'],
    });
    expect(grade(data, { 'secret/b/1': { score: 36 } })).toMatchObject({ verdict: 'JE' });
  });

  it('are lost where a group needs another that failed, and its tests do not run', () => {
    const data = modernData(
      {
        'data/secret/a': { maxScore: 30, requirePass: ['data/sample'] },
        'data/secret/b': { maxScore: 70, requirePass: ['data/secret/a'] },
      },
      { sample: ['1'], a: ['1'], b: ['1'] },
    );
    expect(grade(data, {}).score).toBe(100);
    const found = grade(data, { 'sample/1': 'WA' });
    expect(found).toMatchObject({ score: 0, ran: ['sample/1'] });
    expect(found.groups).toMatchObject({ 'data/secret/a': [null, 0], 'data/secret/b': [null, 0] });
    expect(grade(data, { 'secret/a/1': 'RTE' })).toMatchObject({ score: 0, verdict: 'RTE' });
  });

  it('without a bound come from the validator alone', () => {
    const data = modernData({ 'data/secret': { maxScore: null } }, { secret: ['1', '2'] });
    expect(grade(data, { 'secret/1': { score: 1e6 }, 'secret/2': { score: 2 } }).score).toBe(1_000_002);
    expect(grade(data, { 'secret/1': { score: 1e6 } })).toMatchObject({
      verdict: 'JE',
      reason: 'secret/2: needs a score of the validator, since its group is unbounded',
    });
  });

  it('are none for a problem that passes or fails, which stops at the first failure', () => {
    const data = modernData({}, { sample: ['1'], secret: ['1', '2'] });
    expect(grade(data, { 'sample/1': 'TLE' }, { isScoring: false })).toMatchObject({
      verdict: 'TLE',
      score: null,
      ran: ['sample/1'],
    });
    expect(
      grade(data, { 'secret/1': 'WA', 'secret/2': 'RTE' }, { isScoring: false, all: true }),
    ).toMatchObject({
      verdict: 'WA',
      ran: ['sample/1', 'secret/1', 'secret/2'],
    });
  });
});

it('a walk over 100,000 tests takes no time that grows with their square', () => {
  const names = Array.from({ length: 100_000 }, (_, n) => String(n).padStart(6, '0'));
  const data = modernData({}, { secret: names });
  const done = new Map(testsOf(data).map((test) => [test, outcomeOf(test.name, 'AC')]));
  const pending: never[] = [];
  const problem: ScoringProblem = { tests: data, isScoring: false, objective: 'max' };
  for (let round = 0; round < 20; round++) {
    walkTests(problem, { outcomeOf: (test) => done.get(test), decides: () => true, pending, limit: 64 });
  }
  expect(pending).toEqual([]);
});
