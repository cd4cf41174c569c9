import type { RunRequest, RunResult } from '@sandpiper/contracts';
import type { TestCase } from '../data/test-case.js';
import { type JudgedRun, needsJudgement, type OutputJudgement, outputOf } from '../judge/verdict.js';
import type { OwnJudging } from '../package/own-judging.js';
import type { Problem } from '../package/problem.js';
import type { SubmittedProgram } from '../submissions/submitted-program.js';
import { packOf } from '../validators/keep-feedback.js';
import type { OwnValidator } from '../validators/own-validator.js';
import { judgementOf, type ValidatorJudgement } from '../validators/protocol.js';
import { interactionOf, judgementBeside } from './interaction.js';
import { requestFor, type RequestOptions } from './request.js';
import { runOne } from './run-one.js';
import type { GradingService } from './service.js';
import { validationOf, type ValidatorInput, validatorProgram } from './validator-request.js';

interface ValidationOptions extends RequestOptions {
  readonly signal: AbortSignal;
}

/** What a pass leaves for the next; `judgement` is null where the run decides. */
interface Passed {
  readonly judgement: OutputJudgement | null;
  readonly nextPass: Buffer | null;
  readonly pack: Buffer | null;
}

const DECIDED_BY_RUN: Passed = { judgement: null, nextPass: null, pack: null };

/** Judges by the output validators of a package, each in a sandbox of its own. */
export class Validation {
  constructor(
    private readonly service: GradingService,
    private readonly problem: Problem,
    private readonly own: OwnJudging,
    private readonly options: ValidationOptions,
  ) {}

  /** The first run of a program on a test; for interactive problems together with the validator. */
  async firstRun(program: SubmittedProgram, test: TestCase): Promise<RunRequest> {
    return this.runOf(program, test, { input: await test.input.read(), pack: null });
  }

  /** Judges that run, and runs the program again as long as a multi-pass validator asks for it. */
  async judge(program: SubmittedProgram, test: TestCase, first: RunResult): Promise<JudgedRun> {
    let result = first;
    let pass: ValidatorInput = { input: await test.input.read(), pack: null };
    for (let count = 1; ; count++) {
      const { judgement, nextPass, pack } = await this.judgePass(test, pass, result);
      if (nextPass === null) return { result, judgement };
      if (count === this.own.passes) return { result, judgement: this.tooManyPasses() };
      pass = { input: nextPass, pack };
      const again = await this.run(await this.runOf(program, test, pass));
      result = withLarger(result, again);
    }
  }

  private async runOf(program: SubmittedProgram, test: TestCase, pass: ValidatorInput): Promise<RunRequest> {
    const request = await requestFor(this.problem, program, test, this.options, pass.input);
    const [validator] = this.own.validators;
    if (!this.own.isInteractive || validator === undefined) return request;
    return interactionOf(request, await validatorProgram(this.problem, this.own, validator, test, pass));
  }

  private judgePass(test: TestCase, pass: ValidatorInput, result: RunResult): Promise<Passed> | Passed {
    return this.own.isInteractive ? this.judgeTalk(result) : this.judgeOutput(test, pass, result);
  }

  private judgeTalk(result: RunResult): Passed {
    const [validator] = this.own.validators;
    const { interactor } = result;
    if (validator === undefined || interactor === undefined) return DECIDED_BY_RUN;
    const judgement = this.judgementOf(validator, interactor);
    const counted = judgementBeside(result, judgement);
    if (counted === null) return DECIDED_BY_RUN;
    return { judgement: counted, nextPass: judgement.nextPass, pack: packOf(interactor) };
  }

  private async judgeOutput(test: TestCase, pass: ValidatorInput, result: RunResult): Promise<Passed> {
    if (!needsJudgement(result)) return DECIDED_BY_RUN;
    const output = outputOf(result);
    if (output === null) {
      const reason = 'the output is longer than the server stores';
      return { ...DECIDED_BY_RUN, judgement: { verdict: 'WA', reason } };
    }
    return this.validate(test, pass, output);
  }

  /** All validators must accept; the first one that does not decides. */
  private async validate(test: TestCase, pass: ValidatorInput, output: Buffer): Promise<Passed> {
    let last: Passed = DECIDED_BY_RUN;
    for (const validator of this.own.validators) {
      const program = await validatorProgram(this.problem, this.own, validator, test, pass);
      const result = await this.run(validationOf(program, output, this.options));
      const judgement = this.judgementOf(validator, result);
      last = { judgement, nextPass: judgement.nextPass, pack: packOf(result) };
      if (judgement.verdict !== 'AC') break;
    }
    return last;
  }

  private judgementOf({ name }: OwnValidator, result: RunResult): ValidatorJudgement {
    return judgementOf(result, { scoring: this.own.scoring, isMultiPass: this.own.passes > 1, name });
  }

  private tooManyPasses(): OutputJudgement {
    const name = this.own.validators[0]?.name ?? '';
    return { verdict: 'JE', reason: `${name}: asks for more than ${this.own.passes} passes` };
  }

  private run(request: RunRequest): Promise<RunResult> {
    return runOne(this.service, request, this.options.signal);
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
