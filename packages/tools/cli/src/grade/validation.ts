import { encodeBytes, fieldsOf, limitsSchema, type RunRequest, type RunResult } from '@sandpiper/contracts';
import {
  EARLIER_PACK,
  FEEDBACK_FILES,
  FEEDBACK_PACK,
  type JudgedRun,
  judgementOf,
  keepingFeedback,
  needsJudgement,
  outputOf,
  type OwnJudging,
  type OwnValidator,
  packOf,
  type Problem,
  type SubmittedProgram,
  type TestCase,
  VALIDATOR_PATHS,
  type ValidatorJudgement,
} from '@sandpiper/grading';
import { requestFor, type RequestOptions, runFile } from './request.js';
import { runOne } from './run-one.js';
import type { GradingService } from './service.js';

interface ValidationOptions extends RequestOptions {
  readonly signal: AbortSignal;
}

/** What one pass of a validator is given. */
interface Pass {
  readonly input: Buffer;
  readonly output: Buffer;
  /** Files that earlier passes left in the feedback folder. */
  readonly pack: Buffer | null;
}

/** What a pass leaves for the next. */
interface Passed {
  readonly judgement: ValidatorJudgement;
  readonly pack: Buffer | null;
}

const MAX_CPU_MS = limitsSchema.shape.cpuMs.maxValue ?? Infinity;
const MIN_MEMORY_BYTES = limitsSchema.shape.memoryBytes.minValue ?? 0;
/** Servers keep no more of the output of a run. */
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

/** Runs the output validators of a package, each in a sandbox of its own. */
export class Validation {
  constructor(
    private readonly service: GradingService,
    private readonly problem: Problem,
    private readonly options: ValidationOptions,
  ) {}

  /** Judges a run that ended well, and runs the program again as long as a multi-pass validator asks for it. */
  async judge(
    own: OwnJudging,
    program: SubmittedProgram,
    test: TestCase,
    first: RunResult,
  ): Promise<JudgedRun> {
    let result = first;
    let input = await test.input.read();
    let pack: Buffer | null = null;
    for (let pass = 1; ; pass++) {
      const output = outputOf(result);
      if (output === null) {
        return {
          result,
          judgement: { verdict: 'WA', reason: 'the output is longer than the server stores' },
        };
      }
      const { judgement, pack: kept } = await this.validate(own, test, { input, output, pack });
      const { nextPass } = judgement;
      if (nextPass === null) return { result, judgement };
      if (pass === own.passes) {
        const reason = `${own.validators[0]?.name ?? ''}: asks for more than ${own.passes} passes`;
        return { result, judgement: { verdict: 'JE', reason } };
      }
      const again = await this.runAgain(program, test, nextPass);
      result = withLarger(result, again);
      if (!needsJudgement(again)) return { result, judgement: null };
      input = nextPass;
      pack = kept;
    }
  }

  private async runAgain(program: SubmittedProgram, test: TestCase, input: Buffer): Promise<RunResult> {
    const request = await requestFor(this.problem, program, test, this.options, input);
    return runOne(this.service, request, this.options.signal);
  }

  /** All validators must accept; the first that does not has the word. */
  private async validate(own: OwnJudging, test: TestCase, pass: Pass): Promise<Passed> {
    let last: Passed | null = null;
    for (const validator of own.validators) {
      const result = await this.runValidator(own, validator, test, pass);
      const options = { scoring: own.scoring, isMultiPass: own.passes > 1, name: validator.name };
      last = { judgement: judgementOf(result, options), pack: packOf(result) };
      if (last.judgement.verdict !== 'AC') return last;
    }
    if (last === null) throw new Error('a problem without output validators');
    return last;
  }

  private async runValidator(
    own: OwnJudging,
    { program }: OwnValidator,
    test: TestCase,
    { input, output, pack }: Pass,
  ): Promise<RunResult> {
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
    const request: RunRequest = {
      entry: run.program.entry,
      files: files.map(runFile),
      args: [...run.args, inputPath, answer, feedback, ...test.validatorFlags],
      ...fieldsOf('stdin', encodeBytes(output)),
      outputs: [...FEEDBACK_FILES.map((name) => `${feedback}${name}`), ...(isKept ? [FEEDBACK_PACK] : [])],
      ...this.limits(),
    };
    return runOne(this.service, request, this.options.signal);
  }

  private limits(): Pick<RunRequest, 'limits' | 'accept' | 'retryUnreliable'> {
    const { cpuMs, memoryBytes, outputBytes } = this.problem.limitSettings.validator;
    const { retryUnreliable } = this.options;
    const cpu = Math.min(MAX_CPU_MS, cpuMs);
    return {
      limits: {
        cpuMs: cpu,
        wallMs: 3 * cpu + 2_000,
        memoryBytes: Math.max(MIN_MEMORY_BYTES, memoryBytes),
        outputBytes: Math.min(MAX_OUTPUT_BYTES, outputBytes),
      },
      accept: { weakerLimits: true },
      ...(retryUnreliable === 0 ? {} : { retryUnreliable }),
    };
  }
}

/** The result of the later pass, with the larger figures of both: a limit holds for each pass by itself. */
function withLarger(earlier: RunResult, later: RunResult): RunResult {
  const larger = (name: 'cpuMs' | 'wallMs' | 'peakMemoryBytes'): number =>
    Math.max(earlier.usage[name], later.usage[name]);
  return {
    ...later,
    usage: {
      ...later.usage,
      cpuMs: larger('cpuMs'),
      wallMs: larger('wallMs'),
      peakMemoryBytes: larger('peakMemoryBytes'),
    },
  };
}
