import type { ProgramFile } from '../submissions/submitted-program.js';
import type { GivenInputFlags, TestCase, TestFile } from '../data/test-case.js';
import { type Content, fixedContent } from '../files/content.js';
import type { OwnValidator } from '../validators/own-validator.js';
import { callValidator, checkEach, type CheckContext, endOf, isAccepted, isJudgement } from './check-runs.js';
import type { DataValidators } from './data-validators.js';
import type { Findings } from './findings.js';
import { inputFlagsFor } from './input-flags.js';
import type { ValidationCase } from './validation-data.js';

/** An input, and whether the validators should take it. */
interface InputCheck {
  readonly name: string;
  readonly input: Content;
  readonly inputFlags: GivenInputFlags | undefined;
  readonly args: readonly string[];
  readonly files: readonly TestFile[];
  readonly expectation: 'valid' | 'invalid' | 'junk';
}

/** What no input of a problem should look like. */
const JUNK: readonly { readonly name: string; readonly content: Buffer }[] = [
  { name: 'an empty file', content: Buffer.alloc(0) },
  { name: 'the characters of ASCII in their order', content: Buffer.from(charactersOfAscii()) },
  { name: 'bytes that are no text', content: Buffer.from(Array.from({ length: 256 }, (_, n) => 255 - n)) },
];

function charactersOfAscii(): string {
  return String.fromCodePoint(...Array.from({ length: 95 }, (_, n) => 32 + n));
}

/** Every input of a package through every input validator. */
export async function checkInputs(
  context: CheckContext,
  given: DataValidators,
  tests: readonly TestCase[],
  cases: readonly ValidationCase[],
  findings: Findings,
  onDone: (count: number) => void,
): Promise<void> {
  const checks = inputChecks(tests, cases);
  await checkEach(checks, onDone, async (check) => {
    const taken = await isTaken(context, given, check, findings);
    if (check.expectation !== 'valid' && taken) report(check, given, findings);
  });
}

/** Of the same size as the list that {@link checkInputs} goes through, for its progress. */
export const countInputChecks = (tests: readonly TestCase[], cases: readonly ValidationCase[]): number =>
  inputChecks(tests, cases).length;

function inputChecks(tests: readonly TestCase[], cases: readonly ValidationCase[]): InputCheck[] {
  const [first] = tests;
  const ofTests = tests.map(
    (test): InputCheck => ({ ...onlyInput(test), files: test.files, expectation: 'valid' }),
  );
  const ofCases = cases.map(
    (one): InputCheck => ({
      ...onlyInput(one),
      files: [],
      expectation: one.kind === 'invalid_input' ? 'invalid' : 'valid',
    }),
  );
  const junk =
    first === undefined
      ? []
      : JUNK.map(
          ({ name, content }): InputCheck => ({
            ...onlyInput(first),
            name,
            input: fixedContent(content),
            files: [],
            expectation: 'junk',
          }),
        );
  return [...ofTests, ...ofCases, ...junk];
}

const onlyInput = ({
  name,
  input,
  inputFlags,
  args,
}: TestCase | ValidationCase): Pick<InputCheck, 'name' | 'input' | 'inputFlags' | 'args'> => ({
  name,
  input,
  inputFlags,
  args,
});

/** Whether every validator accepts it. Of a valid input each refusal is a finding. */
async function isTaken(
  context: CheckContext,
  { validators }: DataValidators,
  check: InputCheck,
  findings: Findings,
): Promise<boolean> {
  const stdin = await check.input.read();
  const files = await Promise.all(
    check.files.map(
      async ({ name, content }): Promise<ProgramFile> => ({ name, bytes: await content.read() }),
    ),
  );
  for (const validator of validators) {
    const args = [...inputFlagsFor(check.inputFlags, validator.name), ...check.args];
    const result = await callValidator(context, { validator, args, stdin, files });
    if (isAccepted(result)) continue;
    if (check.expectation === 'valid') {
      findings.error('inputs', check.name, `${validator.name} rejects it: ${endOf(result)}`, validator.name);
      continue;
    }
    if (!isJudgement(result) && check.expectation === 'invalid')
      reportCrash(validator, check, endOf(result), findings);
    return false;
  }
  return true;
}

function reportCrash({ name }: OwnValidator, check: InputCheck, end: string, findings: Findings): void {
  findings.warning('inputs', check.name, `${name} does not reject it but fails: ${end}`, `${name} fails`);
}

function report({ name, expectation }: InputCheck, { isComplete }: DataValidators, findings: Findings): void {
  // Another validator, which is not run here, may reject it.
  if (!isComplete) return;
  if (expectation === 'invalid') {
    findings.error('inputs', name, 'every input validator accepts it', 'accepts invalid');
    return;
  }
  findings.warning('inputs', name, 'as input is accepted by every input validator', 'accepts junk');
}
