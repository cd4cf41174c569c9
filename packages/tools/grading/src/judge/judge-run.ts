import {
  bytesOf,
  expectsOutput,
  messageOf,
  oneLine,
  type OutputChecker,
  type RunRequest,
  type RunResult,
  type RunVerdict,
} from '@sandpiper/contracts';
import type { Comparer } from '../validators/comparer.js';
import { type CheckerOptions, DEFAULT_CHECKER } from '../validators/flags.js';
import { gradeRun, needsJudgement, type OutputJudgement, outputOf } from './verdict.js';

/** What the verdict on a run depends on, of its request. */
type JudgedRequest = Pick<RunRequest, 'expected' | 'expectedBase64' | 'checker' | 'entry' | 'files'>;

/**
 * The verdict on a run that says what it expects; nothing where it does not. Never rejects: a comparison that fails is
 * a failure of the judge.
 */
export async function verdictOnRun(
  result: RunResult,
  request: JudgedRequest,
  comparer: Comparer,
): Promise<RunVerdict | Record<string, never>> {
  if (!expectsOutput(request)) return {};
  const names = (request.files ?? []).map(({ name }) => name.replace(/^\/box\//, ''));
  const files = new Set([request.entry ?? 'main.py', ...names]);
  const judgement = needsJudgement(result) ? await judgeOutput(result, request, comparer) : null;
  const { verdict, reason } = gradeRun(result, '', judgement, files);
  return reason === null ? { verdict } : { verdict, verdictReason: oneLine(reason) };
}

async function judgeOutput(
  result: RunResult,
  request: JudgedRequest,
  comparer: Comparer,
): Promise<OutputJudgement> {
  const output = outputOf(result);
  if (output === null) return { verdict: 'WA', reason: 'the output is longer than the service stores' };
  try {
    const difference = await comparer.compare(
      output,
      bytesOf(request, 'expected'),
      optionsOf(request.checker),
    );
    return difference === null ? { verdict: 'AC', reason: null } : { verdict: 'WA', reason: difference };
  } catch (error) {
    return { verdict: 'JE', reason: `the output could not be compared: ${messageOf(error)}` };
  }
}

function optionsOf(checker: OutputChecker = {}): CheckerOptions {
  return {
    caseSensitive: checker.caseSensitive ?? DEFAULT_CHECKER.caseSensitive,
    spaceChangeSensitive: checker.spaceChangeSensitive ?? DEFAULT_CHECKER.spaceChangeSensitive,
    absoluteTolerance: checker.absoluteTolerance ?? DEFAULT_CHECKER.absoluteTolerance,
    relativeTolerance: checker.relativeTolerance ?? DEFAULT_CHECKER.relativeTolerance,
  };
}

/** The flags of the format as the field of a request. */
export function checkerFieldsOf(options: CheckerOptions): OutputChecker {
  const { caseSensitive, spaceChangeSensitive, absoluteTolerance, relativeTolerance } = options;
  return {
    caseSensitive,
    spaceChangeSensitive,
    ...(absoluteTolerance === null ? {} : { absoluteTolerance }),
    ...(relativeTolerance === null ? {} : { relativeTolerance }),
  };
}
