import type { TestCase } from '../data/test-case.js';
import type { OutputJudgement } from '../judge/verdict.js';
import type { OwnJudging } from '../package/own-judging.js';
import { runOne } from '../pipeline/run-one.js';
import { validationOf, validatorProgram } from '../pipeline/validator-request.js';
import type { Comparer } from '../validators/comparer.js';
import { parseCheckerFlags } from '../validators/flags.js';
import type { OwnValidator } from '../validators/own-validator.js';
import { judgementOf, VALIDATOR_PATHS } from '../validators/protocol.js';
import { callValidator, checkEach, type CheckContext, endOf, isAccepted } from './check-runs.js';
import type { DataValidators } from './data-validators.js';
import type { Findings } from './findings.js';
import type { ValidationCase } from './validation-data.js';

/** What judges outputs of a problem. */
export interface OutputJudge {
  readonly context: CheckContext;
  /** null: the default validator. */
  readonly own: OwnJudging | null;
  readonly comparer: Comparer;
}

interface Judged {
  readonly test: JudgedTest;
  readonly output: Buffer;
}

/** What of a test an output validator is given. */
type JudgedTest = Pick<TestCase, 'name' | 'input' | 'answer' | 'validatorFlags' | 'checker'>;

/** Outputs that are right for hardly any problem: a validator should reject them, and must not crash. */
const JUNK: readonly { readonly name: string; readonly output: Buffer }[] = [
  { name: 'an empty output', output: Buffer.alloc(0) },
  { name: 'bytes that are no text', output: Buffer.from(Array.from({ length: 256 }, (_, n) => 255 - n)) },
  { name: 'a number of a thousand digits', output: Buffer.from(`${'9'.repeat(1000)}\n`) },
];
const JUNK_TESTS = 3;

/** The answers of the tests themselves: each must be right. The default validator accepts what is equal, so it is not asked. */
export async function checkAnswers(
  judge: OutputJudge,
  tests: readonly TestCase[],
  findings: Findings,
  onDone: (count: number) => void,
): Promise<void> {
  await checkEach(judge.own === null ? [] : tests, onDone, async (test) => {
    const { verdict, reason } = await judged(judge, { test, output: await test.answer.read() });
    if (verdict === 'JE')
      findings.error('outputs', test.name, `its answer as output: ${reason ?? ''}`, 'answer JE');
    else if (verdict !== 'AC') {
      // The files of samples are printed in the statement; others may instruct the validator.
      const report = test.name.startsWith('sample/') ? 'error' : 'warning';
      findings[report]('outputs', test.name, `its answer as output is wrong: ${reason ?? ''}`, 'answer WA');
    }
  });
}

/** What is hardly right for any problem. */
export async function checkJunk(
  judge: OutputJudge,
  tests: readonly TestCase[],
  findings: Findings,
  onDone: (count: number) => void,
): Promise<void> {
  const some = tests.slice(0, JUNK_TESTS);
  await checkEach(JUNK, onDone, async ({ name, output }) => {
    let isRejected = false;
    for (const test of some) {
      const { verdict, reason } = await judged(judge, { test, output });
      if (verdict === 'JE') findings.error('outputs', test.name, `${name}: ${reason ?? ''}`, 'junk JE');
      if (verdict !== 'AC') isRejected = true;
    }
    if (!isRejected && some.length > 0) findings.warning('outputs', name, 'is accepted', 'junk AC');
  });
}

export const JUNK_OUTPUTS = JUNK.length;

/** `valid_output`, `invalid_output` and `invalid_answer`: each has the judgement that its folder says. */
export async function checkCases(
  judge: OutputJudge,
  answerValidators: DataValidators,
  {
    cases,
    problemFlags,
  }: { readonly cases: readonly ValidationCase[]; readonly problemFlags: readonly string[] },
  findings: Findings,
  onDone: (count: number) => void,
): Promise<void> {
  await checkEach(cases, onDone, async (one) => {
    if (one.kind === 'invalid_input' || one.answer === null) return;
    const flags = one.outputFlags ?? problemFlags;
    const checker = parseCheckerFlags(judge.own === null ? flags : []);
    const test: JudgedTest = { ...one, answer: one.answer, validatorFlags: flags, checker };
    if (
      one.kind === 'invalid_answer' &&
      (await rejectedAnswer(judge.context, answerValidators, one)) !== null
    )
      return;
    const { verdict, reason } = await judged(judge, {
      test,
      output: await (one.output ?? one.answer).read(),
    });
    if (verdict === 'JE') findings.error('outputs', one.name, reason ?? 'cannot be judged', 'case JE');
    else if (one.kind === 'valid_output' && verdict !== 'AC')
      findings.error('outputs', one.name, `is rejected: ${reason ?? ''}`, one.kind);
    else if (one.kind === 'invalid_output' && verdict === 'AC')
      findings.error('outputs', one.name, 'is accepted', one.kind);
    else if (one.kind === 'invalid_answer' && verdict === 'AC' && answerValidators.isComplete)
      findings.error('outputs', one.name, 'no validator of answers or outputs rejects it', one.kind);
  });
}

/** The answers of tests through the validators of answers. */
export async function checkAnswerFiles(
  context: CheckContext,
  given: DataValidators,
  tests: readonly TestCase[],
  findings: Findings,
  onDone: (count: number) => void,
): Promise<void> {
  await checkEach(given.validators.length === 0 ? [] : tests, onDone, async (test) => {
    const rejected = await rejectedAnswer(context, given, test);
    if (rejected !== null) findings.error('outputs', test.name, rejected, 'answer validator');
  });
}

/** Why a validator of answers rejects one; null when none does. Each gets the input as a file and the answer as stdin. */
async function rejectedAnswer(
  context: CheckContext,
  { validators }: DataValidators,
  { input, answer }: TestCase | ValidationCase,
): Promise<string | null> {
  if (answer === null) return null;
  const stdin = await answer.read();
  for (const validator of validators) {
    const files = [{ name: VALIDATOR_PATHS.input, bytes: await input.read() }];
    const result = await callValidator(context, { validator, args: [VALIDATOR_PATHS.input], stdin, files });
    if (!isAccepted(result)) return `${validator.name} rejects the answer: ${endOf(result)}`;
  }
  return null;
}

/** By all validators of the problem; the first one that does not accept decides. */
async function judged({ context, own, comparer }: OutputJudge, given: Judged): Promise<OutputJudgement> {
  if (own === null) {
    const { test, output } = given;
    const reason = await comparer.compare(output, await test.answer.read(), test.checker);
    return { verdict: reason === null ? 'AC' : 'WA', reason };
  }
  for (const validator of own.validators) {
    const judgement = await judgedBy(context, own, validator, given);
    if (judgement.verdict !== 'AC') return judgement;
  }
  return { verdict: 'AC', reason: null };
}

async function judgedBy(
  { service, signal, retryUnreliable, problem }: CheckContext,
  own: OwnJudging,
  validator: OwnValidator,
  { test, output }: Judged,
): Promise<OutputJudgement> {
  const program = await validatorProgram(problem, own, validator, test, {
    input: await test.input.read(),
    pack: null,
  });
  const result = await runOne(service, validationOf(program, output, { retryUnreliable }), signal);
  return judgementOf(result, { scoring: own.scoring, isMultiPass: own.passes > 1, name: validator.name });
}
