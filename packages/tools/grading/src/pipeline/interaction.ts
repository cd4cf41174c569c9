import { type LimitsRequest, limitsSchema, type RunRequest, type RunResult } from '@sandpiper/contracts';
import type { OutputJudgement } from '../judge/verdict.js';
import type { ValidatorJudgement } from '../validators/protocol.js';
import type { validatorProgram } from './validator-request.js';

/** What is kept of the conversation of a test, bytes. */
const CONVERSATION_BYTES = 16 * 1024;

const MAX_WALL_MS = limitsSchema.shape.wallMs.maxValue ?? Infinity;
/**
 * How much more elapsed time the validator has, milliseconds: what neither ends must end the program, at its own limit, and
 * both begin at nearly the same time.
 */
const VALIDATOR_MORE_MS = 10_000;

/** The run of a program together with the validator that talks with it. */
export function interactionOf(
  { stdin: _stdin, stdinBase64: _base64, ...request }: RunRequest,
  validator: Awaited<ReturnType<typeof validatorProgram>>,
): RunRequest {
  const wallMs = sharedWall(request.limits ?? {}, validator.limits);
  return {
    ...request,
    limits: { ...request.limits, wallMs },
    interactor: {
      ...validator,
      limits: { ...validator.limits, wallMs: wallMs + VALIDATOR_MORE_MS },
      accept: { weakerLimits: true },
      conversationBytes: CONVERSATION_BYTES,
    },
  };
}

/** Each of the two waits while the other works. */
function sharedWall(
  { wallMs: program = 0 }: LimitsRequest,
  { wallMs: validator = 0 }: LimitsRequest,
): number {
  return Math.min(MAX_WALL_MS - VALIDATOR_MORE_MS, program + validator);
}

/**
 * What the validator's judgement counts beside the end of the program; null where the run itself decides. A program that is
 * told that it is wrong may crash at the end of its input: the validator's word came first then. So it is when the
 * validator fails and leaves the program alone, or lets it wait until its time is over.
 */
export function judgementBeside(
  { status, endedFirst, endedWaiting }: RunResult,
  judgement: ValidatorJudgement,
): OutputJudgement | null {
  if (status === 'ok') return judgement;
  if (status === 'wall-limit' && endedFirst === 'program' && endedWaiting === true) {
    return { verdict: 'JE', reason: 'the validator let the program wait until its time was over' };
  }
  return endedFirst === 'interactor' && judgement.verdict !== 'AC' ? judgement : null;
}
