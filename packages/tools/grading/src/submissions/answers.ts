import { InputError } from '../files/errors.js';
import type { HandedAnswers, HandIn } from './hand-in.js';
import type { ProgramFile, SubmittedProgram } from './submitted-program.js';

/** Prints the answer to a test, so that an answer is judged, limited and kept as the output of a program is. */
const PRINTER: ProgramFile = {
  name: 'main.py',
  bytes: Buffer.from(
    "import sys\nwith open('answer', 'rb') as answer:\n    sys.stdout.buffer.write(answer.read())\n",
  ),
};

/** Folders of the data, which a submission may have or leave out. */
const DATA_FOLDERS: ReadonlySet<string> = new Set(['data', 'sample', 'secret']);

/** The tests and the files that answer them. */
type Answers = ReadonlyMap<string, ProgramFile>;

/**
 * A submission to a submit-answer problem: files named as the tests are, with any ending or none. For the test
 * `secret/large/03` that is `data/secret/large/03.ans`, `secret/large/03.out` or `large/03`, and `03` where no other test
 * ends in that name; all may lie in one folder.
 * @throws InputError where no file answers a test, and where two answer the same one
 */
export function answersOf(
  files: readonly ProgramFile[],
  { tests }: HandedAnswers,
  where: string,
): SubmittedProgram {
  const answers = resolved(files, tests, where);
  if (answers.size === 0) {
    const [first = 'secret/1'] = tests;
    throw new InputError(`${where}: no file is named after a test, such as ${first}.ans`);
  }
  return {
    entry: PRINTER.name,
    files: [PRINTER, ...[...answers].map(([test, { bytes }]) => ({ name: pathOf(test), bytes }))],
  };
}

/** Whether a folder with these names is one submission, and no folder of submissions. */
export function areAnswers(names: readonly string[], { tests }: HandedAnswers): boolean {
  const folders = new Set(tests.flatMap((test) => partsOf(test).slice(0, -1)));
  if (names.some((name) => DATA_FOLDERS.has(name) || folders.has(name))) return true;
  return tests.some((test) => names.some((name) => isNamed(name, lastOf(test))));
}

/** Tests to which a program that {@link answersOf} has made gives no answer. */
export function isUnanswered(program: SubmittedProgram, handIn: HandIn | null, test: string): boolean {
  return handIn?.kind === 'answers' && !program.files.some(({ name }) => name === pathOf(test));
}

/** What prints the answer to one test. */
export function answerTo({ entry, files }: SubmittedProgram, test: string): SubmittedProgram {
  const answer = files.find(({ name }) => name === pathOf(test));
  return { entry, files: answer === undefined ? [PRINTER] : [PRINTER, { ...answer, name: 'answer' }] };
}

const pathOf = (test: string): string => `answers/${test}`;
const partsOf = (name: string): string[] => name.split('/');
const lastOf = (name: string): string => partsOf(name).at(-1) ?? name;

function resolved(files: readonly ProgramFile[], tests: readonly string[], where: string): Answers {
  const found = match(files, tests, where);
  const top = `${partsOf(files[0]?.name ?? '')[0] ?? ''}/`;
  if (found.size > 0 || !files.every(({ name }) => name.startsWith(top))) return found;
  const below = files.map((file) => ({ ...file, name: file.name.slice(top.length) }));
  return match(below, tests, where);
}

function match(files: readonly ProgramFile[], tests: readonly string[], where: string): Answers {
  const byStem = new Map<string, ProgramFile[]>();
  for (const file of files)
    for (const stem of stemsOf(file.name)) byStem.set(stem, [...(byStem.get(stem) ?? []), file]);
  const withLast = new Map<string, number>();
  for (const test of tests) withLast.set(lastOf(test), (withLast.get(lastOf(test)) ?? 0) + 1);
  const answers = new Map<string, ProgramFile>();
  for (const test of tests) {
    const short = partsOf(test).slice(1).join('/');
    const alone = withLast.get(lastOf(test)) === 1 ? [lastOf(test)] : [];
    const names = [`data/${test}`, test, short, ...alone];
    const [one, another] = new Set(names.flatMap((name) => byStem.get(name) ?? []));
    if (one !== undefined && another !== undefined)
      throw new InputError(`${where}: ${one.name} and ${another.name} both answer the test ${test}`);
    if (one !== undefined) answers.set(test, one);
  }
  return answers;
}

/** The name with and without its ending: a test may have a dot in its name. */
function stemsOf(name: string): string[] {
  const stem = name.replace(/\.[^./]*$/, '');
  return stem === name ? [name] : [name, stem];
}

const isNamed = (file: string, test: string): boolean => stemsOf(file).includes(test);
