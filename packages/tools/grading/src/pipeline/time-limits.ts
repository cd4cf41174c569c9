import { Judging } from '../judge/judging.js';
import { limitsFor, timeLimitFrom } from '../package/limits.js';
import type { Problem } from '../package/problem.js';
import type { Submission } from '../submissions/submission.js';

/** While the slowest accepted submission is measured. */
const MEASURING_CPU_MS = 60_000;

/** Where a time limit comes from, for the report; null where the package says it. */
export interface TimeLimit {
  readonly problem: Problem;
  readonly note: string | null;
}

/** The submissions whose times make the limit, where the package has none. */
function measuredSubmissions(problem: Problem): Submission[] {
  if (problem.limitSettings.timing.cpuMs !== null) return [];
  return problem.examples.filter(
    ({ expectation, program }) =>
      program !== null &&
      expectation !== null &&
      expectation.rules.length > 0 &&
      expectation.rules.every(({ permitted }) => permitted.size === 1 && permitted.has('AC')),
  );
}

/** One judging for each of them, under a limit that leaves room. */
export function measurementsOf(problem: Problem): Judging[] {
  const roomy = { ...problem, limits: limitsFor(problem.limitSettings, MEASURING_CPU_MS) };
  return measuredSubmissions(problem).map((submission) => new Judging(roomy, submission, false));
}

/** The limit that follows from the measured submissions: a multiple of the slowest that is right. */
export function withMeasuredLimit(problem: Problem, measured: readonly Judging[]): TimeLimit {
  const { timing } = problem.limitSettings;
  if (timing.cpuMs !== null) return { problem, note: null };
  const accepted = measured.map((judging) => judging.outcome()).filter(({ verdict }) => verdict === 'AC');
  if (accepted.length === 0) {
    const note = `time limit ${seconds(problem.limits.cpuMs)}, since the package has none and no accepted submission in Python`;
    return { problem, note };
  }
  const slowest = Math.max(...accepted.map(({ slowestCpuMs }) => slowestCpuMs));
  const cpuMs = timeLimitFrom(slowest, timing);
  const many =
    accepted.length === 1
      ? 'the accepted submission'
      : `the slowest of ${accepted.length} accepted submissions`;
  const note = `time limit ${seconds(cpuMs)}: ${timing.acToTimeLimit} times ${many} (${seconds(slowest)}), in steps of ${seconds(timing.resolutionMs)}`;
  return { problem: { ...problem, limits: limitsFor(problem.limitSettings, cpuMs) }, note };
}

const seconds = (ms: number): string => `${Number((ms / 1000).toFixed(3))} s`;
