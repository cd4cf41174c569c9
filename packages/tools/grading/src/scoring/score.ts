import { isGroup, type TestCase } from '../data/test-case.js';
import { asksForGrader } from '../package/grader.js';
import type { TestOutcome } from '../judge/verdict.js';
import { walkLegacy } from './legacy.js';
import { walkModern } from './modern.js';
import { pointsOf, walkPoints } from './points.js';
import type { ScoringProblem, Walk, WalkResult } from './walk.js';

/** The result of the outcomes so far, and the tests that are still to run. */
export function walkTests(problem: ScoringProblem, walk: Walk): WalkResult {
  switch (problem.tests.rules.kind) {
    case 'legacy':
      return walkLegacy(problem, walk);
    case 'modern':
      return walkModern(problem, walk);
    case 'points':
      return walkPoints(problem, walk);
  }
}

/** What can be won: of the whole problem, and of each group. Null where points have no bound, or fewer are better. */
export interface BestScores {
  readonly problem: number | null;
  readonly groups: ReadonlyMap<string, number | null>;
}

/** @param validatorGives whether an output validator may give other points than the groups say */
export function bestScores(problem: ScoringProblem, validatorGives = false): BestScores {
  if (!problem.isScoring || problem.objective === 'min') return { problem: null, groups: new Map() };
  const { rules, items } = problem.tests;
  if (rules.kind === 'points') {
    const groups = items.filter(isGroup).map((group) => [group.name, pointsOf(group)] as const);
    return { problem: pointsOf(problem.tests), groups: new Map(groups) };
  }
  const accepted = walkTests(problem, allAccepted());
  if (rules.kind === 'legacy') {
    if (asksForGrader(problem.tests))
      return { problem: Number.isFinite(rules.range[1]) ? rules.range[1] : null, groups: new Map() };
    if (Number.isFinite(rules.range[1])) {
      return { problem: rules.range[1], groups: validatorGives ? new Map() : scoresOf(accepted) };
    }
    if (validatorGives) return { problem: null, groups: new Map() };
    return { problem: accepted.score, groups: scoresOf(accepted) };
  }
  const secret = items.filter(isGroup).find((group) => group.name === 'data/secret')?.rules;
  return {
    problem: secret?.kind === 'modern' ? secret.maxScore : null,
    groups: new Map(accepted.groups.map(({ group, maxScore }) => [group, maxScore])),
  };
}

const scoresOf = ({ groups }: WalkResult): Map<string, number | null> =>
  new Map(groups.map(({ group, score }) => [group, score]));

/** Tests without an outcome count as accepted, with the points of their group. */
const allAccepted = (): Walk => ({
  outcomeOf: (_test: TestCase): TestOutcome | undefined => undefined,
  decides: () => true,
  pending: [],
  limit: Infinity,
});
