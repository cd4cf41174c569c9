import { encodeBytes, fieldsOf, type RunFile, type RunRequest } from '@sandpiper/contracts';
import type { TestCase } from '../data/test-case.js';
import type { Problem } from '../package/problem.js';
import { answerTo } from '../submissions/answers.js';
import { withGiven, withIncluded } from '../submissions/program.js';
import type { SubmittedProgram, ProgramFile } from '../submissions/submitted-program.js';

/** The program as it runs: with the files that the problem gives to every submission. */
export function programFor(problem: Problem, program: SubmittedProgram): SubmittedProgram {
  if (problem.handIn?.kind === 'answers') return program;
  if (problem.handIn !== null) return withIncluded(program, problem.included);
  const [only] = program.files;
  // A file called random.py would hide the module; nobody imports the only file of a program.
  if (problem.included.length === 0 && program.files.length === 1 && only !== undefined) {
    return { entry: 'main.py', files: [{ name: 'main.py', bytes: only.bytes }] };
  }
  return withIncluded(program, problem.included);
}

export interface RequestOptions {
  readonly retryUnreliable: number;
}

/** The run of a program on a test. @param input of a later pass; null: that of the test */
export async function requestFor(
  problem: Problem,
  program: SubmittedProgram,
  test: TestCase,
  { retryUnreliable }: RequestOptions,
  input: Buffer | null = null,
): Promise<RunRequest> {
  const own = await Promise.all(
    test.files.map(
      async ({ name, content }): Promise<ProgramFile> => ({ name, bytes: await content.read() }),
    ),
  );
  const run = problem.handIn?.kind === 'answers' ? answerTo(program, test.name) : program;
  const entry = test.course?.entry ?? run.entry;
  const files = startable(entry, withGiven(run.files, own));
  return {
    entry,
    files: files.map(runFile),
    ...(test.args.length === 0 ? {} : { args: [...test.args] }),
    ...fieldsOf('stdin', encodeBytes(input ?? (await test.input.read()))),
    limits: { ...problem.limits, ...test.course?.limits },
    // A small host may give less than the format's usual memory, where a package names none.
    ...(problem.limitSettings.memoryIsGiven ? {} : { accept: { weakerLimits: true } }),
    // A service of an earlier version does not know the field.
    ...(retryUnreliable === 0 ? {} : { retryUnreliable }),
  };
}

/** A course may start a file that a student has not handed in; the run says so. */
function startable(entry: string, files: readonly ProgramFile[]): readonly ProgramFile[] {
  if (files.some(({ name }) => name === entry)) return files;
  const source = `raise SystemExit(${JSON.stringify(`${entry} is missing`)})\n`;
  return withGiven(files, [{ name: entry, bytes: Buffer.from(source) }]);
}

export function runFile({ name, bytes }: ProgramFile): RunFile {
  return { name, ...fieldsOf('content', encodeBytes(bytes)) };
}

/** Bytes of a request, before anything of its test is read. */
export function requestBytes(program: SubmittedProgram, test: TestCase): number {
  const sizes = [
    ...program.files.map(({ bytes }) => bytes.length),
    ...test.files.map(({ content }) => content.bytes),
  ];
  return sizes.reduce((sum, size) => sum + size, test.input.bytes);
}
