import { messageOf } from '@sandpiper/contracts';
import { InputError } from '@sandpiper/grading/basics';
import { CommanderError } from 'commander';
import { EXIT } from './exit-codes.js';
import { buildProgram } from './program.js';
import { escapeForTerminal } from './terminal/escape.js';

/** One line; a stack trace only when SANDPIPER_DEBUG asks for it. */
function tell(error: unknown): void {
  process.stderr.write(`sandpiper: ${escapeForTerminal(messageOf(error), 2000)}\n`);
  if (process.env['SANDPIPER_DEBUG'] === '1' && error instanceof Error) {
    process.stderr.write(`${error.stack ?? ''}\n`);
  }
}

/** Does what the words after `sandpiper` ask for. Returns the exit code, also after an error, which is printed. */
export async function runCommandLine(words: readonly string[], version: string): Promise<number> {
  let exitCode: number = EXIT.ok;
  const program = buildProgram(version, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(words, { from: 'user' });
    return exitCode;
  } catch (error) {
    // Commander has already printed its own line, or the help, whose exit code is 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    tell(error);
    return error instanceof InputError ? EXIT.usage : EXIT.failed;
  }
}
