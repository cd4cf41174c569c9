import type { Command } from 'commander';
import { examples } from './help.js';
import type { SubmitOptions } from './judging/submit.js';
import { withParents, withServer } from './program-service.js';
import type { ServiceOptions } from './service/print.js';

/** Commands for the judge of a running service. */
export function addJudgingCommands(program: Command, onExitCode: (code: number) => void): void {
  const load = () => import('./judging/problems.js');

  const problems = withServer(program.command('problems'))
    .description('List the problems of a service; upload and remove packages.')
    .addHelpText(
      'after',
      examples(
        ['sandpiper problems add pairs.zip --id pairs', 'upload a package, or a new version of it'],
        ['sandpiper problems show pairs', 'what it is, and its versions'],
        ['sandpiper problems rejudge pairs', 'judge all submissions by the latest version'],
        ['sandpiper problems remove pairs', 'all versions of it'],
      ),
    )
    .action(async (options: ServiceOptions) => onExitCode(await (await load()).problemsCommand(options)));
  withServer(problems.command('add'))
    .description('Upload a problem package (ICPC/Kattis format). Its id is printed.')
    .argument('<package>', 'a .zip or .kpp')
    .option('--id <id>', 'id that later versions keep (default: it follows from the bytes)')
    .action(async (path: string, options: ServiceOptions & { id?: string }, command: Command) =>
      onExitCode(await (await load()).addProblemCommand(path, withParents(command, options))),
    );
  withServer(problems.command('show'))
    .description('Show a problem and its versions.')
    .argument('<id>')
    .action(async (id: string, options: ServiceOptions, command: Command) =>
      onExitCode(await (await load()).showProblemCommand(id, withParents(command, options))),
    );
  withServer(problems.command('remove'))
    .description('Remove a problem with all of its versions. Verdicts stay.')
    .argument('<id>')
    .action(async (id: string, options: ServiceOptions, command: Command) =>
      onExitCode(await (await load()).removeProblemCommand(id, withParents(command, options))),
    );
  withServer(problems.command('rejudge'))
    .description('Judge all submissions for a problem again, by its latest version.')
    .argument('<id>')
    .action(async (id: string, options: ServiceOptions, command: Command) =>
      onExitCode(await (await load()).rejudgeCommand(id, withParents(command, options))),
    );

  withServer(program.command('submit'))
    .description('Have a program judged by a service, by the tests of one of its problems.')
    .argument('<problem>', 'id of the problem, as listed by sandpiper problems')
    .argument('<program...>', 'a .py file, a .zip or a folder; several files are the files of one program')
    .option('--entry <file>', 'the file that starts')
    .option('--label <text>', 'for people, such as who handed it in')
    .option('--all', 'run all tests, also after a failure that decides the verdict')
    .option('--no-wait', 'print the id of the submission, and do not wait for its verdict')
    .addHelpText(
      'after',
      examples(
        ['sandpiper submit pairs solve.py', 'wait for the verdict'],
        ['sandpiper submit pairs main.py helper.py', 'a program of two files'],
      ) +
        '\nExit code: 0 when it is accepted, 1 otherwise, 130 after Ctrl-C, 2 when the command line is wrong.\n',
    )
    .action(async (problem: string, paths: string[], options: SubmitOptions) =>
      onExitCode(await (await import('./judging/submit.js')).submitCommand(problem, paths, options)),
    );
}
