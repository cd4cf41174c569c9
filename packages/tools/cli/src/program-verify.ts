import type { Command } from 'commander';
import { COMPILE_HELP } from './compile-help.js';
import { examples } from './help.js';
import { librariesOption, retryOption, runtimeOption, serverUrl, wholeNumber } from './options.js';
import type { VerifyCommandOptions } from './verify/command.js';
import { verifyParts } from './verify/parts.js';

const MAX_NODES = 64;
/** A verdict should not depend on what else ran on the host. */
const VERIFY_RETRIES = 1;

/** The command for authors of problems. */
export function addVerify(program: Command, onExitCode: (code: number) => void): void {
  librariesOption(runtimeOption(retryOption(program.command('verify'), VERIFY_RETRIES)))
    .description('Check a problem package: its data, its validators, and its submissions.')
    .argument('<problem>', 'a problem package (ICPC/Kattis format, a folder or .zip)')
    .option(
      '--parts <list>',
      'check only these parts: package, inputs, outputs, submissions (default: all)',
      verifyParts,
    )
    .option('--compile', COMPILE_HELP)
    .option('--all', 'run all tests of a submission, also after a failure that decides its verdict')
    .option('--json <file>', 'write the findings and verdicts to a file')
    .option('--server <url>', 'use a running service instead of starting one', serverUrl)
    .option(
      '--nodes <n>',
      'worker nodes of the service that is started',
      wholeNumber('--nodes', 1, MAX_NODES),
    )
    .addHelpText(
      'after',
      examples(
        ['sandpiper verify problems/sums', 'everything'],
        ['sandpiper verify problems/sums --parts package,inputs', 'without running a submission'],
        ['sandpiper verify problems/sums --compile', 'with validators in C++'],
      ) +
        '\nThe exit code is 0 when there is no error, 1 when there is one, 2 when the package cannot be read, or asks for\nwhat is not done here.\n',
    )
    .action(async (path: string, options: VerifyCommandOptions) => {
      const { verifyCommand } = await import('./verify/command.js');
      onExitCode(await verifyCommand(path, { retryUnreliable: VERIFY_RETRIES, ...options }));
    });
}
