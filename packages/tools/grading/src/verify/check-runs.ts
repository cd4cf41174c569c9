import {
  encodeBytes,
  fieldsOf,
  oneLine,
  type RunRequest,
  type RunResult,
  textOf,
} from '@sandpiper/contracts';
import { mapAtOnce } from '../files/at-once.js';
import type { Problem } from '../package/problem.js';
import { runFile } from '../pipeline/request.js';
import { runOne } from '../pipeline/run-one.js';
import type { GradingService } from '../pipeline/service.js';
import { validatorLimits } from '../pipeline/validator-request.js';
import type { ProgramFile } from '../submissions/submitted-program.js';
import type { OwnValidator } from '../validators/own-validator.js';

/** A service, and what ends all work with it. */
export interface CheckContext {
  readonly service: GradingService;
  readonly signal: AbortSignal;
  readonly retryUnreliable: number;
  readonly problem: Problem;
}

/** One run of a validator of inputs or answers. */
export interface ValidatorCall {
  readonly validator: OwnValidator;
  readonly args: readonly string[];
  readonly stdin: Buffer;
  /** Beside the program, or where their absolute names say. */
  readonly files: readonly ProgramFile[];
}

const CALLS_AT_ONCE = 8;
const MAX_REASON = 300;

/** Calls `check` for each item, several at a time, and says how far it is. */
export async function checkEach<T>(
  items: readonly T[],
  onDone: (count: number) => void,
  check: (item: T) => Promise<void>,
): Promise<void> {
  await mapAtOnce(items, CALLS_AT_ONCE, async (item) => {
    await check(item);
    onDone(1);
  });
}

/** Runs a validator in the sandbox, under the limits of output validators. */
export async function callValidator(
  { service, signal, retryUnreliable, problem }: CheckContext,
  call: ValidatorCall,
): Promise<RunResult> {
  const { entry, files } = call.validator.program;
  const request: RunRequest = {
    entry,
    files: [...files, ...call.files].map(runFile),
    args: [...call.args],
    ...fieldsOf('stdin', encodeBytes(call.stdin)),
    limits: validatorLimits(problem),
    accept: { weakerLimits: true },
    ...(retryUnreliable === 0 ? {} : { retryUnreliable }),
  };
  return runOne(service, request, signal);
}

const ACCEPTED = 42;

export const isAccepted = ({ status, exitCode }: RunResult): boolean =>
  status === 'runtime-error' && exitCode === ACCEPTED;

/** Whether a validator ended by itself: a crash says nothing about what it was given. */
export const isJudgement = ({ status, signal }: RunResult): boolean =>
  status === 'ok' || (status === 'runtime-error' && signal === null);

/** How a run ended, and the last line that it wrote. */
export function endOf(result: RunResult): string {
  const said = ['stderr', 'stdout'] as const;
  const line = said
    .map((name) => textOf(result, name).trimEnd().split('\n').at(-1)?.trim() ?? '')
    .find((text) => text !== '');
  const how =
    isJudgement(result) && result.exitCode !== null
      ? `exit code ${result.exitCode}`
      : `${result.status}${result.message === null ? '' : `: ${result.message}`}`;
  return oneLine(line === undefined ? how : `${how}: ${line}`, MAX_REASON);
}
