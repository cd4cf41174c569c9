import { isGroup, type PointsRules, type TestCase, type TestGroup } from '../data/test-case.js';
import type { Verdict } from '../judge/verdict.js';
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
  hasJudgeError: boolean;
  /** Nothing more is run: a failure settled the verdict, or a test without points failed that must pass. */
  hasEnded: boolean;
}

interface Part {
  readonly score: number;
  readonly isAccepted: boolean;
}

/**
 * The result where each test has points of its own, as in courses: a failed test loses its points and no others. The
 * verdict is that of the first failure.
 */
export function walkPoints(problem: ScoringProblem, walk: Walk): WalkResult {
  const state: State = {
    walk,
    isScoring: problem.isScoring,
    groups: [],
    passed: new Set(),
    firstFailure: null,
    hasJudgeError: false,
    hasEnded: false,
  };
  const rules = problem.tests.rules as PointsRules;
  let score = 0;
  for (const item of problem.tests.items) {
    if (isFull(walk)) break;
    if (state.hasEnded) {
      if (isGroup(item)) skip(item, state);
      continue;
    }
    const part = isGroup(item) ? walkGroup(item, state) : walkTest(item, state);
    score += part.score;
    if (!part.isAccepted && rules.endsAtFreeFailure === true && pointsOf(item) === 0) state.hasEnded = true;
  }
  return {
    verdict: state.hasJudgeError ? 'JE' : (state.firstFailure ?? 'AC'),
    reason: null,
    score: problem.isScoring ? rounded(score) : null,
    groups: state.groups,
  };
}

/** What can be won: of a batch the points of its largest test, of other groups all. */
export function pointsOf(item: TestCase | TestGroup): number {
  if (!isGroup(item)) return item.course?.points ?? 0;
  const points = item.items.map(pointsOf);
  const isBatch = item.rules.kind === 'points' && item.rules.aggregation === 'min';
  return points.reduce((all, one) => (isBatch ? Math.max(all, one) : all + one), 0);
}

function walkGroup(group: TestGroup, state: State): Part {
  const rules = group.rules as PointsRules;
  if (!rules.requires.every((name) => state.passed.has(name))) return skip(group, state);
  const isBatch = rules.aggregation === 'min';
  const scores: number[] = [];
  let failedAt = -1;
  let failure: Verdict | null = null;
  for (const test of group.items as readonly TestCase[]) {
    if (isFull(state.walk) || state.hasEnded) break;
    const part = walkTest(test, state);
    scores.push(part.score);
    if (part.isAccepted) continue;
    failure ??= state.walk.outcomeOf(test)?.verdict ?? null;
    if (failedAt === -1) failedAt = scores.length - 1;
    // The rest of a batch could not win anything.
    if (isBatch && decides(test, state)) break;
  }
  const isAccepted = failure === null;
  if (isAccepted) state.passed.add(group.name);
  const isLost = failedAt !== -1 && failedAt < group.items.length - 1;
  const score = isBatch ? batchScore(scores, isLost) : scores.reduce((sum, one) => sum + one, 0);
  note(group, failure ?? 'AC', score, state);
  return { score, isAccepted };
}

/** The least of its tests. Those after a failure count nothing, whether they ran for the report or not. */
const batchScore = (scores: readonly number[], isLost: boolean): number =>
  isLost || scores.length === 0 ? 0 : scores.reduce((least, one) => Math.min(least, one));

function walkTest(test: TestCase, state: State): Part {
  const points = test.course?.points ?? 0;
  const outcome = state.walk.outcomeOf(test);
  if (outcome === undefined) {
    state.walk.pending.push(test);
    return { score: points, isAccepted: true };
  }
  if (outcome.verdict === 'JE') state.hasJudgeError = true;
  const isAccepted = outcome.verdict === 'AC';
  if (!isAccepted) {
    state.firstFailure ??= outcome.verdict;
    if (!state.isScoring && state.walk.decides(outcome)) state.hasEnded = true;
  }
  return { score: outcome.score ?? (isAccepted ? points : 0), isAccepted };
}

function decides(test: TestCase, { walk }: State): boolean {
  const outcome = walk.outcomeOf(test);
  return outcome !== undefined && walk.decides(outcome);
}

function skip(group: TestGroup, state: State): Part {
  note(group, null, 0, state);
  return { score: 0, isAccepted: false };
}

function note(group: TestGroup, verdict: Verdict | null, score: number, { groups, isScoring }: State): void {
  groups.push({
    group: group.name,
    verdict,
    score: isScoring ? rounded(score) : null,
    maxScore: isScoring ? pointsOf(group) : null,
  });
}
