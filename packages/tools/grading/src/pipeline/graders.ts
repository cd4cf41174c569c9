import { oneLine, type RunRequest, type RunResult, textOf } from '@sandpiper/contracts';
import type { Judging } from '../judge/judging.js';
import type { Problem } from '../package/problem.js';
import type { GraderAnswer, GraderCall } from '../scoring/walk.js';
import type { OwnValidator } from '../validators/own-validator.js';
import { runFile } from './request.js';
import { runOne } from './run-one.js';
import type { GradingService } from './service.js';
import { validatorLimits } from './validator-request.js';

interface GraderOptions {
  readonly retryUnreliable: number;
  readonly signal: AbortSignal;
}

const MAX_REASON = 300;

/**
 * Asks the grader of the package for one group whose results are there; a group of groups comes after those in it.
 * @returns whether it was asked: what it said may make further tests count
 */
export async function askGrader(
  service: GradingService,
  judging: Judging,
  options: GraderOptions,
): Promise<boolean> {
  const { problem } = judging;
  const [call] = judging.graderCalls();
  if (call === undefined || problem.grader === null) return false;
  judging.recordAnswer(call, await answerOf(service, problem, problem.grader, call, options));
  return true;
}

async function answerOf(
  service: GradingService,
  problem: Problem,
  grader: OwnValidator,
  { flags, results }: GraderCall,
  { retryUnreliable, signal }: GraderOptions,
): Promise<GraderAnswer> {
  const request: RunRequest = {
    entry: grader.program.entry,
    files: grader.program.files.map(runFile),
    args: [...flags],
    stdin: results,
    limits: validatorLimits(problem),
    accept: { weakerLimits: true },
    ...(retryUnreliable === 0 ? {} : { retryUnreliable }),
  };
  return answerIn(await runOne(service, request, signal), grader.name);
}

/** One line on its standard output: a verdict, and points. */
function answerIn(result: RunResult, name: string): GraderAnswer {
  const said = textOf(result, 'stdout').trim();
  const found = /^(AC|WA|RTE|TLE)\s+([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)$/i.exec(said);
  const score = Number(found?.[2] ?? NaN);
  if (result.status === 'ok' && Number.isFinite(score))
    return { verdict: (found?.[1]?.toUpperCase() ?? 'JE') as 'AC' | 'WA' | 'RTE' | 'TLE', score };
  const how =
    result.status === 'ok'
      ? `printed ${JSON.stringify(said.slice(0, 40))}, and not a verdict and points`
      : `${result.status}: ${textOf(result, 'stderr').trimEnd().split('\n').at(-1) ?? result.message ?? ''}`;
  return { fault: oneLine(`${name}: ${how}`, MAX_REASON) };
}
