import {
  encodeBytes,
  fieldsOf,
  type InteractorRequest,
  type LimitsRequest,
  limitsSchema,
  type RunRequest,
} from '@sandpiper/contracts';
import type { TestCase } from '../data/test-case.js';
import type { OwnJudging } from '../package/own-judging.js';
import type { Problem } from '../package/problem.js';
import { EARLIER_PACK, FEEDBACK_PACK, keepingFeedback } from '../validators/keep-feedback.js';
import type { OwnValidator } from '../validators/own-validator.js';
import { FEEDBACK_FILES, VALIDATOR_PATHS } from '../validators/protocol.js';
import { runFile } from './request.js';

/** What a pass of a validator is given beside the output. */
export interface ValidatorInput {
  readonly input: Buffer;
  /** Files that earlier passes left in the feedback folder. */
  readonly pack: Buffer | null;
}

const MAX_CPU_MS = limitsSchema.shape.cpuMs.maxValue ?? Infinity;
const MIN_MEMORY_BYTES = limitsSchema.shape.memoryBytes.minValue ?? 0;
/** Servers keep no more of the output of a run. */
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

type ValidatorProgram = Required<Pick<InteractorRequest, 'entry' | 'files' | 'args' | 'outputs'>> & {
  readonly limits: LimitsRequest;
};

/** A validator as a program of a request, by the format's calling convention. */
export async function validatorProgram(
  problem: Problem,
  own: OwnJudging,
  { program }: OwnValidator,
  test: Pick<TestCase, 'answer' | 'validatorFlags'>,
  { input, pack }: ValidatorInput,
): Promise<ValidatorProgram> {
  const isKept = own.passes > 1;
  const run = isKept ? keepingFeedback(program) : { program, args: [] };
  const { input: inputPath, answer, feedback } = VALIDATOR_PATHS;
  const files = [
    ...run.program.files,
    { name: inputPath, bytes: input },
    { name: answer, bytes: await test.answer.read() },
    // A folder exists when a file lies in it.
    { name: `${feedback}.keep`, bytes: Buffer.alloc(0) },
    ...(pack === null ? [] : [{ name: EARLIER_PACK, bytes: pack }]),
  ];
  return {
    entry: run.program.entry,
    files: files.map(runFile),
    args: [...run.args, inputPath, answer, feedback, ...test.validatorFlags],
    outputs: [...FEEDBACK_FILES.map((name) => `${feedback}${name}`), ...(isKept ? [FEEDBACK_PACK] : [])],
    limits: validatorLimits(problem),
  };
}

/** The run of a validator on an output. */
export function validationOf(
  validator: ValidatorProgram,
  output: Buffer,
  { retryUnreliable }: { readonly retryUnreliable: number },
): RunRequest {
  return {
    ...validator,
    ...fieldsOf('stdin', encodeBytes(output)),
    accept: { weakerLimits: true },
    ...(retryUnreliable === 0 ? {} : { retryUnreliable }),
  };
}

export function validatorLimits({
  limitSettings,
}: Problem): LimitsRequest & { cpuMs: number; wallMs: number } {
  const { cpuMs, memoryBytes, outputBytes } = limitSettings.validator;
  const cpu = Math.min(MAX_CPU_MS, cpuMs);
  return {
    cpuMs: cpu,
    wallMs: 3 * cpu + 2_000,
    memoryBytes: Math.max(MIN_MEMORY_BYTES, memoryBytes),
    outputBytes: Math.min(MAX_OUTPUT_BYTES, outputBytes),
  };
}
