import { isGroup, type ModernRules, type TestCase, type TestGroup, testsOf } from '../data/test-case.js';
import type { TestOutcome, Verdict } from '../judge/verdict.js';
import {
  type GroupOutcome,
  isFull,
  rounded,
  type ScoringProblem,
  type Walk,
  type WalkResult,
} from './walk.js';

interface State {
  readonly walk: Walk;
  readonly isScoring: boolean;
  readonly groups: GroupOutcome[];
  /** Groups of which every test passed. */
  readonly passed: Set<string>;
  firstFailure: Verdict | null;
  isDecided: boolean;
  fault: string | null;
}

interface Part {
  readonly isAccepted: boolean;
  readonly score: number;
}

/**
 * The result by the rules of test_group.yaml. A problem without points stops at the first failure; one with points stops
 * within a group whose points are lost, and leaves out groups that require one which failed.
 */
export function walkModern(problem: ScoringProblem, walk: Walk): WalkResult {
  const state: State = {
    walk,
    isScoring: problem.isScoring,
    groups: [],
    passed: new Set(),
    firstFailure: null,
    isDecided: false,
    fault: null,
  };
  let score = 0;
  for (const group of problem.tests.items) {
    if (!isGroup(group) || hasStopped(state)) break;
    const part = walkTop(group, state);
    if (group.name === 'data/secret') score = part.score;
  }
  const verdict = state.fault === null ? (state.firstFailure ?? 'AC') : 'JE';
  return {
    verdict,
    reason: state.fault,
    score: problem.isScoring ? rounded(score) : null,
    groups: state.groups,
  };
}

/** Without points the first failure is the verdict, whatever group it is in. */
function hasStopped({ walk, isScoring, isDecided }: State): boolean {
  return isFull(walk) || (isDecided && !isScoring);
}

function walkTop(group: TestGroup, state: State): Part {
  const rules = group.rules as ModernRules;
  if (!isRequiredPassed(rules, state)) return skipped(group, rules, state);
  if (!group.items.some(isGroup)) return walkTests(group, group.items as readonly TestCase[], rules, state);
  const at = state.groups.length;
  const parts: Part[] = [];
  for (const item of group.items) {
    if (!isGroup(item) || hasStopped(state)) break;
    const below = item.rules as ModernRules;
    parts.push(
      isRequiredPassed(below, state)
        ? walkTests(item, testsOf(item), below, state)
        : skipped(item, below, state),
    );
  }
  const isAccepted = parts.every((part) => part.isAccepted);
  const score = state.isScoring ? aggregated(parts, rules, isAccepted) : 0;
  return noted(group, rules, { isAccepted, score }, isAccepted ? 'AC' : state.firstFailure, state, at);
}

const isRequiredPassed = ({ requirePass }: ModernRules, { passed }: State): boolean =>
  requirePass.every((name) => passed.has(name));

function skipped(group: TestGroup, rules: ModernRules, state: State): Part {
  return noted(group, rules, { isAccepted: false, score: 0 }, null, state, state.groups.length);
}

function walkTests(group: TestGroup, tests: readonly TestCase[], rules: ModernRules, state: State): Part {
  const parts: Part[] = [];
  let failure: Verdict | null = null;
  let isDecided = false;
  for (const test of tests) {
    if (isFull(state.walk)) break;
    const outcome = state.walk.outcomeOf(test);
    if (outcome === undefined) state.walk.pending.push(test);
    else if (outcome.verdict !== 'AC') {
      failure ??= outcome.verdict;
      state.firstFailure ??= outcome.verdict;
      if (state.walk.decides(outcome)) isDecided = true;
    }
    parts.push(partOf(test, outcome, tests.length, rules, state));
    // Nothing more can be won in a group of which one test fails, unless each test has its own points.
    if (isDecided && !(state.isScoring && rules.aggregation === 'sum')) break;
  }
  if (isDecided) state.isDecided = true;
  const isAccepted = failure === null;
  const score = state.isScoring && group.name !== 'data/sample' ? aggregated(parts, rules, isAccepted) : 0;
  if (isAccepted) state.passed.add(group.name);
  return noted(group, rules, { isAccepted, score }, failure ?? 'AC', state, state.groups.length);
}

function partOf(
  test: TestCase,
  outcome: TestOutcome | undefined,
  count: number,
  { aggregation, maxScore }: ModernRules,
  state: State,
): Part {
  if (outcome !== undefined && outcome.verdict !== 'AC') return { isAccepted: false, score: 0 };
  if (!state.isScoring || test.name.startsWith('sample/')) return { isAccepted: true, score: 0 };
  const hasPoints = outcome?.score !== undefined || outcome?.scoreMultiplier !== undefined;
  if (aggregation === 'pass-fail') {
    if (hasPoints) state.fault ??= `${test.name}: the validator gives points, and its group passes or fails`;
    return { isAccepted: true, score: 0 };
  }
  if (maxScore === null && outcome?.scoreMultiplier !== undefined)
    state.fault ??= `${test.name}: the validator gives a part of the points, and its group is unbounded`;
  const most = maxScore === null ? null : aggregation === 'sum' ? maxScore / count : maxScore;
  const score = outcome?.score ?? (most === null ? null : most * (outcome?.scoreMultiplier ?? 1));
  if (score === null) {
    if (outcome !== undefined)
      state.fault ??= `${test.name}: needs a score of the validator, since its group is unbounded`;
    return { isAccepted: true, score: 0 };
  }
  if (most !== null && score > most + 1e-9)
    state.fault ??= `${test.name}: a score of ${rounded(score)} is more than ${rounded(most)}`;
  return { isAccepted: true, score };
}

function aggregated(
  parts: readonly Part[],
  { aggregation, maxScore }: ModernRules,
  isAccepted: boolean,
): number {
  if (aggregation === 'pass-fail') return isAccepted ? (maxScore ?? 0) : 0;
  if (aggregation === 'sum') return parts.reduce((sum, part) => sum + part.score, 0);
  return parts.reduce((least, part) => Math.min(least, part.score), parts.length === 0 ? 0 : Infinity);
}

function noted(
  group: TestGroup,
  rules: ModernRules,
  part: Part,
  verdict: Verdict | null,
  state: State,
  at: number,
): Part {
  const { maxScore } = rules;
  const hasScore = state.isScoring && group.name !== 'data/sample';
  if (hasScore && maxScore !== null && part.score > maxScore + 1e-9)
    state.fault ??= `${group.name}: a score of ${rounded(part.score)} is more than its max_score, ${maxScore}`;
  const outcome: GroupOutcome = {
    group: group.name,
    verdict,
    score: hasScore ? rounded(part.score) : null,
    maxScore: hasScore ? maxScore : null,
  };
  state.groups.splice(at, 0, outcome);
  return part;
}
