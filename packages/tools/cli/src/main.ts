#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { InputError } from '@sandpiper/grading';
import { CommanderError } from 'commander';
import { escapeForTerminal } from './escape.js';
import { EXIT } from './exit-codes.js';
import { interruptForWantOfReader } from './interrupt.js';
import { buildProgram } from './program.js';

function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  const version =
    typeof manifest === 'object' && manifest !== null && 'version' in manifest ? manifest.version : null;
  return typeof version === 'string' ? version : 'unknown';
}

/** One line, never a stack trace, unless SANDPIPER_DEBUG asks for it. */
function tell(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`sandpiper: ${escapeForTerminal(message, 2000)}\n`);
  if (process.env['SANDPIPER_DEBUG'] === '1' && error instanceof Error) {
    process.stderr.write(`${error.stack ?? ''}\n`);
  }
}

/** Output to a pipe that is full is written later. */
async function flushed(stream: Writable): Promise<void> {
  if (stream.writableLength > 0) await new Promise((resolve) => stream.write('', resolve));
}

async function main(): Promise<number> {
  let exitCode: number = EXIT.ok;
  const program = buildProgram(readVersion(), (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(process.argv);
    return exitCode;
  } catch (error) {
    // Commander has printed its own line, or the help that was asked for, which has exit code 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    tell(error);
    return error instanceof InputError ? EXIT.usage : EXIT.failed;
  }
}

/** The exit code where the output does not reach anybody. A reader that has seen enough (`sandpiper ... | head`) is no error. */
let unread: number | null = null;
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // After EIO the terminal is gone, and SIGHUP tells so.
  if (error.code === 'EIO' || unread !== null) return;
  unread = error.code === 'EPIPE' ? EXIT.ok : EXIT.failed;
  if (unread !== EXIT.ok) process.stderr.write(`sandpiper: the standard output: ${error.message}\n`);
  if (!interruptForWantOfReader()) process.exit(unread);
});
// Nobody is told that nobody can be told.
process.stderr.on('error', () => undefined);

const code = await main();
// Not only `exitCode`: a standard input that is still open would keep the process alive.
await flushed(process.stdout);
await flushed(process.stderr);
setImmediate(() => process.exit(unread ?? code)); // behind the errors of what was written last
