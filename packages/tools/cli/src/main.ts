#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { runCommandLine } from './command-line.js';
import { EXIT } from './exit-codes.js';
import { interruptForWantOfReader } from './interrupt.js';

function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  const version =
    typeof manifest === 'object' && manifest !== null && 'version' in manifest ? manifest.version : null;
  return typeof version === 'string' ? version : 'unknown';
}

/** A full pipe takes the output later. */
async function flushed(stream: Writable): Promise<void> {
  if (stream.writableLength > 0) await new Promise((resolve) => stream.write('', resolve));
}

/**
 * The exit code when the output cannot be written. A reader that leaves early (`sandpiper ... | head`) is no
 * error.
 */
let unread: number | null = null;
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // EIO means that the terminal is gone; SIGHUP handles that.
  if (error.code === 'EIO' || unread !== null) return;
  unread = error.code === 'EPIPE' ? EXIT.ok : EXIT.failed;
  if (unread !== EXIT.ok) process.stderr.write(`sandpiper: the standard output: ${error.message}\n`);
  if (!interruptForWantOfReader()) process.exit(unread);
});
// When stderr fails there is nowhere left to report it.
process.stderr.on('error', () => undefined);

const code = await runCommandLine(process.argv.slice(2), readVersion());
// Setting `exitCode` is not enough: an open standard input would keep the process alive.
await flushed(process.stdout);
await flushed(process.stderr);
setImmediate(() => process.exit(unread ?? code)); // after the error events of the last writes
