import { createHash } from 'node:crypto';
import {
  batchRequestSchema,
  completeLimits,
  controllerCpuFor,
  LIMIT_NAMES,
  type Limits,
  type LimitsRequest,
  type RunRequest,
  runRequestSchema,
  submissionRequestSchema,
} from '@sandpiper/contracts';
import { type WrittenRequest, writtenRequest } from '@sandpiper/store';
import { parse as parseJson } from 'secure-json-parse';
import { ApiProblem } from '../problems.js';
import { toProblem } from '../validation.js';

/** The most of each limit that this service gives; the controller's time follows from `cpuMs`, the stack from the memory. */
export type LimitCeilings = Partial<Omit<Limits, 'controllerCpuMs' | 'stackBytes'>>;

/** A request that was checked, as it is to be written; of the request itself nothing is held any more. */
export interface PreparedRun extends WrittenRequest {
  readonly limits: Limits;
  /** Identifies the content of a request, without its idempotency key. */
  readonly fingerprint: string;
  readonly idempotencyKey: string | undefined;
}

export interface PreparedBatch {
  readonly runs: readonly PreparedRun[];
  readonly name: string | null;
  readonly idempotencyKey: string | undefined;
}

/** A submission that was checked; its program is as it is to be written. */
export interface PreparedSubmission {
  readonly problem: string;
  readonly version: string | null;
  /** JSON. */
  readonly program: string;
  readonly label: string;
  readonly runsAll: boolean;
  readonly fingerprint: string;
  readonly idempotencyKey: string | undefined;
}

/**
 * Two requests are the same when their validated content is; validation orders the fields as in the schema.
 */
export function prepareRun(request: RunRequest, ceilings: LimitCeilings): PreparedRun {
  // The key is used up at admission; the run does not need it.
  const { idempotencyKey, ...content } = request;
  const fingerprint = createHash('sha256').update(JSON.stringify(content)).digest('hex');
  const limits = clampedLimits(request.limits, ceilings);
  const { interactor } = content;
  const complete =
    interactor === undefined
      ? content
      : { ...content, interactor: { ...interactor, limits: clampedLimits(interactor.limits, ceilings) } };
  return { ...writtenRequest(complete, limits), limits, fingerprint, idempotencyKey };
}

function clampedLimits(given: LimitsRequest | undefined, ceilings: LimitCeilings): Limits {
  const most: Partial<Limits> = { ...ceilings };
  if (ceilings.cpuMs !== undefined) most.controllerCpuMs = controllerCpuFor(ceilings.cpuMs);
  if (ceilings.memoryBytes !== undefined) most.stackBytes = ceilings.memoryBytes;
  const limits = completeLimits(given);
  for (const name of LIMIT_NAMES) limits[name] = Math.min(limits[name], most[name] ?? Infinity);
  return limits;
}

/** @throws ApiProblem for invalid JSON, or a key with a special meaning in JavaScript */
export function parseBody(bytes: Buffer): unknown {
  if (bytes.length === 0) throw new ApiProblem('bad-request', 'the body is empty');
  try {
    return parseJson(bytes.toString()) as unknown;
  } catch {
    throw new ApiProblem('bad-request', 'the body is not JSON, or has a key like "__proto__"');
  }
}

/** @param prefix path of the run in the body; @throws ApiProblem that names the wrong field */
export function runOf(
  value: unknown,
  ceilings: LimitCeilings,
  prefix: readonly PropertyKey[] = [],
): PreparedRun {
  const parsed = runRequestSchema.safeParse(value);
  if (!parsed.success) throw toProblem(parsed.error.issues[0], 'body', prefix);
  return prepareRun(parsed.data, ceilings);
}

/** @throws ApiProblem that names the wrong field */
export function batchOf(value: unknown, ceilings: LimitCeilings): PreparedBatch {
  const parsed = batchRequestSchema.safeParse(value);
  if (!parsed.success) throw toProblem(parsed.error.issues[0], 'body');
  const { runs, name = null, idempotencyKey } = parsed.data;
  return { runs: runs.map((run) => prepareRun(run, ceilings)), name, idempotencyKey };
}

/** @throws ApiProblem that names the wrong field */
export function submissionOf(value: unknown): PreparedSubmission {
  const parsed = submissionRequestSchema.safeParse(value);
  if (!parsed.success) throw toProblem(parsed.error.issues[0], 'body');
  const { idempotencyKey, ...content } = parsed.data;
  const { problem, version = null, label = '', runsAll = false, ...program } = content;
  const fingerprint = createHash('sha256').update(JSON.stringify(content)).digest('hex');
  return { problem, version, program: JSON.stringify(program), label, runsAll, fingerprint, idempotencyKey };
}

/** @throws ApiProblem for a line that is not a JSON object */
export function parseLine(line: Buffer, index: number): unknown {
  try {
    return parseJson(line.toString()) as unknown;
  } catch {
    throw new ApiProblem('invalid-request', 'is not one JSON object on one line', { path: `runs.${index}` });
  }
}
