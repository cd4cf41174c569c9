import { TEST_VISIBILITIES, type TestVisibility } from '@sandpiper/contracts';
import { InputError } from '@sandpiper/grading/basics';
import { COMPILE_HELP } from './compile-help.js';
import { type Command, Option } from 'commander';
import type { GradeOptions } from './grade/command.js';
import { examples } from './help.js';
import { limitParser } from './limit-options.js';
import { librariesOption, quote, retryOption, runtimeOption, serverUrl, wholeNumber } from './options.js';
import { COLOUR_CHOICES } from './terminal/colour.js';

const MAX_NODES = 64;
/** A verdict should not depend on what else ran on the host. */
const GRADE_RETRIES = 1;
const SECRET_VISIBILITY: TestVisibility = 'after_published';

type Grade = (problem: string, submissions: readonly string[], options: GradeOptions) => Promise<number>;

export function addGrade(program: Command, grade: Grade, onExitCode: (code: number) => void): void {
  const command = program.command('grade');
  librariesOption(runtimeOption(retryOption(withReports(withSelection(command)), GRADE_RETRIES)))
    .description('Grade submissions on the tests of a problem and print a table.')
    .argument(
      '<problem>',
      'a problem package (ICPC/Kattis format, a folder or .zip), or a class folder with problems/ and submissions/',
    )
    .argument(
      '[submissions...]',
      '.py files, .zip archives, or folders of them; those of the package if none is named',
    )
    .option('--server <url>', 'use a running service instead of starting one', serverUrl)
    .option('--compile', COMPILE_HELP)
    .option(
      '--nodes <n>',
      'worker nodes of the service that is started',
      wholeNumber('--nodes', 1, MAX_NODES),
    )
    .option('--resume <file>', 'go on from a report of --json: what is as it was is not judged again')
    .addOption(
      new Option('--color <when>', 'colours in the table; auto: on a terminal, unless NO_COLOR is set')
        .choices(COLOUR_CHOICES)
        .default('auto'),
    )
    .addHelpText(
      'after',
      examples(
        ['sandpiper grade problems/sums alice.py bob.py', 'two submissions'],
        ['sandpiper grade problems/sums submissions/ --json out.json', 'a folder of them'],
        ['sandpiper grade examples/class', 'a class: three problems, thirty submissions'],
        ['sandpiper grade examples/class --html class.html', 'the same as a page to look at'],
        ["sandpiper grade problems/sums a.py --tests 'sample/*'", 'only the samples'],
        ['sandpiper grade --server http://127.0.0.1:8080 problems/sums a.py', 'on a running service'],
      ) + NOTES,
    )
    .action(async (path: string, submissions: string[], options: GradeOptions) => {
      onExitCode(await grade(path, submissions, { retryUnreliable: GRADE_RETRIES, ...options }));
    });
}

const NOTES = `
Verdicts: AC accepted, WA wrong answer, TLE too slow, MLE too much memory, RTE crashed or broke the rules,
OLE too much output, CE does not compile, JE the judge failed. The exit code is 0 when every submission could be
judged and did what its package or expected.json expects, 1 otherwise, 2 when a package asks for more than is done,
130 after Ctrl-C, which prints and writes what was judged.
The table, --json and --save-outputs are for teachers. The other reports may go to students: of secret tests they
say the verdict and no more, unless --show-secret is given.
`;

function withReports(command: Command): Command {
  return command
    .option('--json <file>', 'write a full report, test by test; "-" is stdout')
    .option('--csv <file>', 'write a grade sheet, one line for each submission')
    .option('--junit <file>', 'write the tests as JUnit XML, for CI services')
    .option('--html <file>', 'write one page with the class, each student, and what failed')
    .option('--gradescope <dir>', 'write a results.json for each submission, in a folder of its own')
    .addOption(
      new Option(
        '--secret-visibility <who>',
        `for --gradescope: who sees secret tests (default: ${SECRET_VISIBILITY})`,
      ).choices(TEST_VISIBILITIES),
    )
    .option(
      '--save-outputs <dir>',
      'write what failed tests printed, and what was expected; with --all of all tests',
    )
    .option('--show-secret', 'let the reports for students quote secret tests');
}

function withSelection(command: Command): Command {
  return command
    .option('--all', 'run all tests, also after a failure that decides the verdict')
    .option(
      '--tests <glob>',
      "run only these tests or groups, as 'sample/*' or secret/g1 (repeatable)",
      repeated,
    )
    .option('--submissions <glob>', "grade only these submissions, as 'a*.py' (repeatable)", repeated)
    .option('--time-limit <time>', 'CPU time instead of that of the package, as 1500ms or 2s', timeLimit)
    .option(
      '--memory <size>',
      'memory instead of that of the package, as 512m or 1.5g',
      limitParser('--memory', 'memoryBytes'),
    );
}

const repeated = (text: string, before: readonly string[] = []): string[] => [...before, text];

/** Packages count seconds and other commands milliseconds, so a number alone would be misread by one of two. */
function timeLimit(text: string): number {
  if (/^\d+(\.\d+)?$/.test(text))
    throw new InputError(`--time-limit needs a time with its unit, such as 1500ms or 2s, not ${quote(text)}`);
  return limitParser('--time-limit', 'cpuMs')(text);
}
