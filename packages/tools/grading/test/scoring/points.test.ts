import { expect, it } from 'vitest';
import type { PointsRules, TestCase, TestGroup } from '../../src/data/test-case.js';
import { bestScores, walkTests } from '../../src/scoring/score.js';
import type { TestOutcome, Verdict } from '../../src/judge/verdict.js';
import { outcomeOf, testCase } from '../results.js';

const test = (name: string, points: number): TestCase => ({
  ...testCase(name),
  course: {
    points,
    visibility: 'visible',
    number: null,
    limits: {},
    entry: null,
    criteria: null,
    judge: () => Promise.reject(new Error('nothing is run')),
  },
});
const rules = (more: Partial<PointsRules> = {}): PointsRules => ({
  kind: 'points',
  aggregation: 'sum',
  requires: [],
  ...more,
});
const data = (items: TestGroup['items'], more: Partial<PointsRules> = {}): TestGroup => ({
  name: 'data',
  items,
  rules: rules(more),
});
const batch = (
  name: string,
  points: number,
  tests: readonly string[],
  requires: string[] = [],
): TestGroup => ({
  name,
  items: tests.map((one) => test(one, points)),
  rules: rules({ aggregation: 'min', requires }),
});

interface Walked {
  readonly verdict: Verdict;
  readonly score: number | null;
  readonly groups: readonly (readonly [string, Verdict | null, number | null, number | null])[];
  readonly pending: readonly string[];
}

function walked(
  tests: TestGroup,
  outcomes: Readonly<Record<string, Verdict | Partial<TestOutcome>>>,
  { isScoring = true, runsAll = false } = {},
): Walked {
  const pending: TestCase[] = [];
  const result = walkTests(
    { tests, isScoring, objective: 'max' },
    {
      outcomeOf: ({ name }) => {
        const given = outcomes[name];
        if (given === undefined) return undefined;
        return typeof given === 'string'
          ? outcomeOf(name, given)
          : outcomeOf(name, given.verdict ?? 'AC', given);
      },
      decides: () => !runsAll,
      pending,
      limit: Infinity,
    },
  );
  const groups = result.groups.map(
    ({ group, verdict, score, maxScore }) => [group, verdict, score, maxScore] as const,
  );
  return { verdict: result.verdict, score: result.score, groups, pending: pending.map(({ name }) => name) };
}

it('a failed test loses its own points, and keeps a part that it earned', () => {
  const tests = data([test('a', 1), test('b', 4), test('c', 2)]);
  expect(walked(tests, {})).toMatchObject({ verdict: 'AC', score: 7, pending: ['a', 'b', 'c'] });
  expect(walked(tests, { a: 'TLE', b: { verdict: 'WA', score: 3 }, c: 'AC' })).toMatchObject({
    verdict: 'TLE',
    score: 5,
    pending: [],
  });
  expect(walked(tests, { a: 'WA', b: 'JE', c: 'AC' })).toMatchObject({ verdict: 'JE' });
});

it('a batch ends at its first failure, and has no points then', () => {
  const tests = data([batch('b1', 10, ['1', '2']), batch('b2', 30, ['3', '4'], ['b1'])]);
  expect(walked(tests, { 1: 'WA' })).toEqual({
    verdict: 'WA',
    score: 0,
    groups: [
      ['b1', 'WA', 0, 10],
      ['b2', null, 0, 30],
    ],
    pending: [],
  });
  expect(walked(tests, { 1: 'AC', 2: 'AC', 3: 'RTE' })).toMatchObject({
    verdict: 'RTE',
    score: 10,
    pending: [],
  });
  expect(walked(tests, { 1: 'WA' }, { runsAll: true })).toMatchObject({ score: 0, pending: ['2'] });
});

it('a batch has the points of its least test', () => {
  const tests = data([batch('b', 10, ['1', '2'])]);
  expect(walked(tests, { 1: 'AC', 2: { verdict: 'WA', score: 4 } })).toMatchObject({ score: 4 });
  expect(walked(tests, { 1: { verdict: 'WA', score: 4 }, 2: 'AC' }, { runsAll: true })).toMatchObject({
    score: 0,
  });
});

it('a test without points must pass where the problem says so', () => {
  const tests = data([test('free', 0), test('a', 5)], { endsAtFreeFailure: true });
  expect(walked(tests, { free: 'WA' })).toMatchObject({ score: 0, pending: [] });
  expect(walked(data(tests.items), { free: 'WA' })).toMatchObject({ pending: ['a'] });
});

it('without points the first failure ends the judging', () => {
  const tests = data([test('a', 0), test('b', 0)]);
  expect(walked(tests, { a: 'WA' }, { isScoring: false })).toMatchObject({
    verdict: 'WA',
    score: null,
    pending: [],
  });
});

it('the best score counts a batch once', () => {
  const tests = data([test('a', 5), batch('b', 10, ['1', '2'])]);
  expect(bestScores({ tests, isScoring: true, objective: 'max' })).toEqual({
    problem: 15,
    groups: new Map([['b', 10]]),
  });
});
