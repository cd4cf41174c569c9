import { isGroup, type LegacyRules, type TestCase, type TestGroup } from '../data/test-case.js';
import type { Verdict } from '../judge/verdict.js';
import {
  type GroupOutcome,
  isFull,
  rounded,
  type ScoringProblem,
  type Walk,
  type WalkResult,
} from './walk.js';

/** From the worst, as the default grader of the format has them; what it does not name is beside its kind. */
const WORST_FIRST: readonly Verdict[] = ['JE', 'CE', 'RTE', 'MLE', 'TLE', 'OLE', 'WA'];

interface Part {
  readonly verdict: Verdict;
  readonly score: number;
}

interface State {
  readonly walk: Walk;
  readonly groups: GroupOutcome[];
  /** A failure that ends what need not be run has been seen. */
  isDecided: boolean;
  fault: string | null;
}

/**
 * The result by the rules of testdata.yaml: each group aggregates the verdicts and scores of what it contains, and stops
 * at the first rejection unless it says `on_reject: continue`.
 */
export function walkLegacy(problem: ScoringProblem, walk: Walk): WalkResult {
  const state: State = { walk, groups: [], isDecided: false, fault: null };
  const { verdict, score } = walkGroup(problem.tests, state, problem, true) ?? { verdict: 'AC', score: 0 };
  const final = state.fault === null ? verdict : 'JE';
  return { verdict: final, reason: state.fault, score: scoreOf(problem, final, score), groups: state.groups };
}

/** Of a rejected submission the format ignores the points; to be the smallest is no merit then. */
function scoreOf({ isScoring, objective }: ScoringProblem, verdict: Verdict, score: number): number | null {
  if (!isScoring) return null;
  if (verdict === 'AC') return rounded(score);
  return objective === 'max' ? 0 : null;
}

/** @param counts whether the result matters: after a rejection tests may run for the report alone */
function walkGroup(group: TestGroup, state: State, problem: ScoringProblem, counts: boolean): Part | null {
  const rules = group.rules as LegacyRules;
  const parts: Part[] = [];
  let isBroken = false;
  const at = state.groups.length;
  for (const item of group.items) {
    if ((isBroken && state.isDecided) || isFull(state.walk)) break;
    const part = isGroup(item)
      ? walkGroup(item, state, problem, counts && !isBroken)
      : walkTest(item, rules, state);
    if (part === null || isBroken) continue;
    parts.push(part);
    if (part.verdict !== 'AC' && rules.breaksOnReject) isBroken = true;
  }
  if (parts.length === 0) return null;
  const result = graded(group, parts, rules, state) ?? aggregated(parts, rules);
  if (counts) assertRange(group, result, rules, state, problem);
  const score = problem.isScoring ? rounded(result.score) : null;
  if (group.name !== 'data') {
    state.groups.splice(at, 0, {
      group: group.name,
      verdict: counts ? result.verdict : null,
      score,
      maxScore: null,
    });
  }
  return result;
}

function walkTest(test: TestCase, rules: LegacyRules, state: State): Part {
  const outcome = state.walk.outcomeOf(test);
  if (outcome === undefined) {
    state.walk.pending.push(test);
    return { verdict: 'AC', score: rules.acceptScore };
  }
  const { verdict } = outcome;
  if (verdict !== 'AC' && state.walk.decides(outcome)) state.isDecided = true;
  const given = outcome.score ?? (verdict === 'AC' ? rules.acceptScore : rules.rejectScore);
  return { verdict, score: given };
}

/** The codes that graders know. */
const CODES: Partial<Record<Verdict, string>> = { AC: 'AC', WA: 'WA', TLE: 'TLE' };

/** By the grader of the package, once all results of the group are there; null without one. */
function graded(
  group: TestGroup,
  parts: readonly Part[],
  { graderFlags }: LegacyRules,
  state: State,
): Part | null {
  if (graderFlags === undefined || state.walk.pending.length > 0) return null;
  if (parts.some(({ verdict }) => verdict === 'JE')) return null;
  const results = parts.map(({ verdict, score }) => `${CODES[verdict] ?? 'RTE'} ${score}\n`).join('');
  const answer = state.walk.answerOf?.({ group: group.name, flags: graderFlags, results });
  if (answer === undefined) return null;
  if (!('fault' in answer)) return answer;
  state.fault ??= answer.fault;
  return { verdict: 'JE', score: 0 };
}

function aggregated(parts: readonly Part[], rules: LegacyRules): Part {
  const judged = rules.ignoresSample && parts.length > 1 ? parts.slice(1) : parts;
  return { verdict: verdictOf(judged, rules), score: scoreBy(rules.scoreMode, judged) };
}

function verdictOf(parts: readonly Part[], rules: LegacyRules): Verdict {
  const verdicts = parts.map((part) => part.verdict);
  if (verdicts.includes('JE')) return 'JE';
  if (rules.acceptsIfAny && verdicts.includes('AC')) return 'AC';
  if (rules.verdictMode === 'always_accept') return 'AC';
  if (rules.verdictMode === 'first_error') return verdicts.find((verdict) => verdict !== 'AC') ?? 'AC';
  return WORST_FIRST.find((verdict) => verdicts.includes(verdict)) ?? 'AC';
}

function scoreBy(mode: LegacyRules['scoreMode'], parts: readonly Part[]): number {
  const scores = parts.map((part) => part.score);
  const sum = scores.reduce((total, score) => total + score, 0);
  switch (mode) {
    case 'sum':
      return sum;
    case 'avg':
      return sum / scores.length;
    case 'min':
      return scores.reduce((least, score) => Math.min(least, score));
    case 'max':
      return scores.reduce((most, score) => Math.max(most, score));
  }
}

/** The package contradicts itself: nobody's points are right then. */
function assertRange(
  group: TestGroup,
  { verdict, score }: Part,
  { range: [low, high] }: LegacyRules,
  state: State,
  { isScoring }: ScoringProblem,
): void {
  if (!isScoring || verdict !== 'AC' || state.walk.pending.length > 0 || state.fault !== null) return;
  if (score >= low - 1e-9 && score <= high + 1e-9) return;
  state.fault = `${group.name}: a score of ${rounded(score)} is outside of its range, ${low} to ${high}`;
}
