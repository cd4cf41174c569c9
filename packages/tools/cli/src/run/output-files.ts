import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { basename } from 'node:path';
import { bytesOf, filePathSchema, type RunResult } from '@sandpiper/contracts';
import { InputError } from '@sandpiper/grading/basics';
import { escapeForTerminal } from '../terminal/escape.js';
import { quote } from '../options.js';

/** An output file of the run, and its destination. */
export interface OutputTarget {
  readonly name: string;
  readonly path: string;
}

/** A parser for the repeatable `--out NAME` or `--out NAME=PATH`. */
export function outputTarget(text: string, before: readonly OutputTarget[] | undefined): OutputTarget[] {
  const at = text.indexOf('=');
  const name = at < 0 ? text : text.slice(0, at);
  const checked = filePathSchema.safeParse(name);
  if (!checked.success) {
    throw new InputError(`--out ${quote(name)}: ${checked.error.issues[0]?.message ?? 'is wrong'}`);
  }
  const path = at < 0 ? basename(name) : text.slice(at + 1);
  if (path === '') throw new InputError(`--out needs NAME or NAME=PATH, not ${quote(text)}`);
  return [...(before ?? []), { name, path }];
}

/** Writes the output files of the run; reports missing ones on standard error. True when none is missing. */
export function writeOutputs(result: RunResult, targets: readonly OutputTarget[]): boolean {
  let complete = true;
  for (const { name, path } of targets) {
    const file = result.outputs?.find((output) => output.name === name);
    if (file === undefined) {
      complain(name, result.missingOutputs?.[name] ?? 'not there');
      complete = false;
      continue;
    }
    try {
      writePlainly(path, bytesOf(file, 'content'));
    } catch (error) {
      complain(path, (error as Error).message);
      complete = false;
    }
  }
  return complete;
}

/** Never follows a link at the destination. */
function writePlainly(path: string, data: Buffer): void {
  const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW } = constants;
  const fd = openSync(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o666);
  try {
    for (let at = 0; at < data.length; ) at += writeSync(fd, data, at);
  } finally {
    closeSync(fd);
  }
}

function complain(name: string, why: string): void {
  process.stderr.write(`sandpiper: --out ${escapeForTerminal(`${name}: ${why}`, 500)}\n`);
}
