import type { TestVerdict, SubmissionResult } from '@sandpiper/contracts';
import { oneLine } from '@sandpiper/contracts';
import type { GradedProblem, SubmissionOutcome, TestOutcome } from '@sandpiper/grading';

/** A stored result, bytes; above it messages are cut. */
const MAX_RESULT_BYTES = 4 * 1024 * 1024;
/** How long messages and reasons may be: at first, and where the result is too long. */
const CUTS = [
  { message: 16_384, reason: 500 },
  { message: 1_000, reason: 300 },
  { message: 0, reason: 60 },
] as const;

/** What is stored of an outcome, and is told to clients. */
export function submissionResultOf(
  outcome: SubmissionOutcome,
  { problem, timeLimitNote }: Pick<GradedProblem, 'problem' | 'timeLimitNote'>,
): SubmissionResult {
  const { fault, firstFailure } = outcome;
  const failed =
    firstFailure === null ? null : `${firstFailure.test}: ${firstFailure.reason ?? firstFailure.status}`;
  const reason = outcome.verdict === 'AC' ? fault : (fault ?? failed);
  const base = {
    verdict: outcome.verdict,
    reason: reason === null ? null : oneLine(reason),
    score: outcome.score,
    maxScore: outcome.maxScore,
    passed: outcome.passed,
    total: outcome.total,
    slowestCpuMs: outcome.slowestCpuMs,
    peakMemoryBytes: outcome.peakMemoryBytes,
    cpuMs: problem.limits.cpuMs,
    timeLimitNote,
    groups: outcome.groups.map(({ group, verdict, score, maxScore }) => ({
      group,
      verdict,
      score,
      maxScore,
    })),
  };
  for (const [at, cut] of CUTS.entries()) {
    const tests = outcome.tests.map((test) => testOf(test, cut));
    const result = { ...base, tests, shortened: at > 0 };
    if (at === CUTS.length - 1 || Buffer.byteLength(JSON.stringify(result)) <= MAX_RESULT_BYTES)
      return result;
  }
  throw new Error('a list of cuts is empty');
}

function testOf(test: TestOutcome, cut: (typeof CUTS)[number]): TestVerdict {
  const { judgeMessage, teamMessage, score, scoreMultiplier, unreliable, conversation } = test;
  const { maxScore, visibility, number } = test;
  return {
    test: test.test,
    verdict: test.verdict,
    status: test.status,
    reason: test.reason === null ? null : oneLine(test.reason, cut.reason),
    exitCode: test.exitCode,
    signal: test.signal,
    cpuMs: test.cpuMs,
    wallMs: test.wallMs,
    peakMemoryBytes: test.peakMemoryBytes,
    ...(score === undefined ? {} : { score }),
    ...(scoreMultiplier === undefined ? {} : { scoreMultiplier }),
    ...(maxScore === undefined ? {} : { maxScore }),
    ...(visibility === undefined ? {} : { visibility }),
    ...(number === undefined ? {} : { number }),
    ...(judgeMessage === undefined || cut.message === 0
      ? {}
      : { judgeMessage: judgeMessage.slice(0, cut.message) }),
    ...(teamMessage === undefined || cut.message === 0
      ? {}
      : { teamMessage: teamMessage.slice(0, cut.message) }),
    ...(unreliable === undefined ? {} : { unreliable }),
    ...(conversation === undefined || cut.message < CUTS[0].message
      ? {}
      : { conversation: [...conversation] }),
  };
}

/** The result of a submission that could not be judged at all. */
export function unjudged(reason: string): SubmissionResult {
  return {
    verdict: 'JE',
    reason: oneLine(reason),
    score: null,
    maxScore: null,
    passed: 0,
    total: 0,
    slowestCpuMs: 0,
    peakMemoryBytes: 0,
    cpuMs: 0,
    timeLimitNote: null,
    groups: [],
    tests: [],
    shortened: false,
  };
}
