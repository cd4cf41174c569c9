import { isGroup, type TestGroup, testsOf } from '../data/test-case.js';
import { InputError } from '../files/errors.js';
import { limitsFor } from '../package/limits.js';
import type { Problem } from '../package/problem.js';
import { bestScores } from '../scoring/score.js';
import { matchesGlob } from '../submissions/glob.js';
import type { Submission } from '../submissions/submission.js';
import type { KeyedJob } from './pipeline.js';

/** What of the jobs is judged, and under which limits other than those of the packages. */
export interface GradingSelection {
  /** Patterns of tests or their groups below `data`; none: all. */
  readonly tests: readonly string[];
  /** Patterns of labels, or of the names at their end; none: all. */
  readonly submissions: readonly string[];
  /** Milliseconds of CPU time; null: those of the packages. */
  readonly cpuMs: number | null;
  readonly memoryBytes: number | null;
}

export const WHOLE: GradingSelection = { tests: [], submissions: [], cpuMs: null, memoryBytes: null };

export interface SelectedJobs {
  readonly jobs: readonly KeyedJob[];
  /** Problems of which no test is selected: they are not judged. */
  readonly leftOut: readonly Problem[];
}

/**
 * The jobs with only the selected tests and submissions, under the selected limits.
 * @throws InputError for a pattern that matches nothing
 */
export function selectJobs(jobs: readonly KeyedJob[], selection: GradingSelection): SelectedJobs {
  const used = new Set<string>();
  const selected = jobs.map((job) => ({
    ...job,
    problem: withTests(withLimits(job.problem, selection), selection.tests, used),
    submissions: job.submissions.filter((one) => isSelected(one, selection.submissions, used)),
  }));
  for (const [option, patterns] of [
    ['--tests', selection.tests],
    ['--submissions', selection.submissions],
  ] as const) {
    const unused = patterns.find((pattern) => !used.has(`${option} ${pattern}`));
    if (unused !== undefined) throw new InputError(`${option} ${JSON.stringify(unused)}: matches none`);
  }
  const judged = selected.filter(({ problem }) => problem.allTests.length > 0);
  if (!judged.some(({ submissions }) => submissions.length > 0))
    throw new InputError('--tests and --submissions leave no submission with a test');
  const leftOut = selected.filter(({ problem }) => problem.allTests.length === 0);
  return { jobs: judged, leftOut: leftOut.map(({ problem }) => problem) };
}

function withLimits(problem: Problem, { cpuMs, memoryBytes }: GradingSelection): Problem {
  if (cpuMs === null && memoryBytes === null) return problem;
  const { limitSettings: given } = problem;
  const limitSettings = {
    ...given,
    ...(cpuMs === null ? {} : { timing: { ...given.timing, cpuMs, wallMs: null } }),
    ...(memoryBytes === null ? {} : { memoryBytes, memoryIsGiven: true }),
  };
  return { ...problem, limitSettings, limits: limitsFor(limitSettings, cpuMs ?? problem.limits.cpuMs) };
}

/** Points are those of the tests that are left. */
function withTests(problem: Problem, patterns: readonly string[], used: Set<string>): Problem {
  if (patterns.length === 0) return problem;
  const isMatched = (name: string): boolean => isAnyMatched(name, '--tests', patterns, used);
  const tests = groupOf(problem.tests, isMatched);
  const remaining = new Set(groupNames(tests));
  const required = withoutMissing(tests, remaining);
  const scoring = { tests: required, isScoring: problem.isScoring, objective: problem.objective };
  const { own } = problem;
  return {
    ...problem,
    tests: required,
    allTests: testsOf(required),
    best: bestScores(scoring, own !== null && own.scoring !== 'never'),
  };
}

/** A group without tests is left out, the one at the top aside. */
function groupOf(group: TestGroup, isMatched: (test: string) => boolean): TestGroup {
  const items = group.items.flatMap((item): TestGroup['items'] => {
    if (!isGroup(item)) return isMatched(item.name) ? [item] : [];
    const below = groupOf(item, isMatched);
    return below.items.length === 0 ? [] : [below];
  });
  return { ...group, items };
}

const groupNames = (group: TestGroup): string[] => [
  group.name,
  ...group.items.filter(isGroup).flatMap(groupNames),
];

/** A group that does not run cannot be required. */
function withoutMissing(group: TestGroup, remaining: ReadonlySet<string>): TestGroup {
  const { rules } = group;
  const items = group.items.map((item) => (isGroup(item) ? withoutMissing(item, remaining) : item));
  if (rules.kind === 'legacy') return { ...group, items };
  if (rules.kind === 'points') {
    const requires = rules.requires.filter((name) => remaining.has(name));
    return { ...group, items, rules: { ...rules, requires } };
  }
  const requirePass = rules.requirePass.filter((name) => remaining.has(name));
  return { ...group, items, rules: { ...rules, requirePass } };
}

function isSelected({ label }: Submission, patterns: readonly string[], used: Set<string>): boolean {
  if (patterns.length === 0) return true;
  const name = label.slice(label.lastIndexOf('/') + 1);
  const byLabel = isAnyMatched(label, '--submissions', patterns, used);
  return isAnyMatched(name, '--submissions', patterns, used) || byLabel;
}

/** All patterns are tried, to know which of them match anything. */
function isAnyMatched(name: string, option: string, patterns: readonly string[], used: Set<string>): boolean {
  const matching = patterns.filter((pattern) => matchesGlob(pattern, name));
  for (const pattern of matching) used.add(`${option} ${pattern}`);
  return matching.length > 0;
}
