import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import {
  bytesOf,
  cpuWaitLine,
  filePathSchema,
  REQUEST_BOUNDS,
  refusalLine,
  runRequestSchema,
  type Engine,
  type Limits,
  type RunRequest,
  type RunResult,
} from '@sandpiper/contracts';
import { InputError, readBounded } from '@sandpiper/grading/basics';
import { escapeForTerminal } from '../terminal/escape.js';
import { endingLine } from '../exit-codes.js';
import type { LimitOptions } from '../limit-options.js';
import { quote, type Pair } from '../options.js';
import type { ExpectedOptions } from './expected.js';
import type { OutputTarget } from './output-files.js';

/** The command line options of one run, local or remote, and the request built from them. */

export interface RunOptions extends LimitOptions, ExpectedOptions {
  /** Code to run in place of a program. */
  c?: string;
  /** A module to run in place of a program. */
  m?: string;
  folder?: string;
  json?: boolean;
  /** The run is repeated, so its output is printed at its end. */
  retryUnreliable?: number;
  weakerLimits?: boolean;
  strictLimits?: boolean;
  stdin?: string;
  file?: Pair[];
  env?: Pair[];
  engine?: Engine;
  pypy?: string;
  lib?: string[];
  runtime?: string;
  deterministic?: boolean;
  seed?: string;
  epoch?: number;
  transcript?: string;
  out?: OutputTarget[];
  trace?: string;
  cpu?: number;
  server?: string;
}

/** The request without its program, which is sent as bytes: Python source need not be UTF-8. */
export function buildRequest(
  args: readonly string[],
  limits: Partial<Limits>,
  options: RunOptions,
): RunRequest {
  return parseRequest({
    source: '',
    args: [...args],
    ...(options.env === undefined
      ? {}
      : { env: Object.fromEntries(options.env.map((e) => [e.name, e.value])) }),
    limits,
    ...(options.weakerLimits === true ? { accept: { weakerLimits: true } } : {}),
    ...(options.strictLimits === true ? { accept: { weakerLimits: false } } : {}),
    ...(options.combined === true ? { combined: true } : {}),
    ...(options.server === undefined || options.runtime === undefined ? {} : { runtime: options.runtime }),
    ...(options.retryUnreliable === undefined ? {} : { retryUnreliable: options.retryUnreliable }),
  });
}

/** @throws InputError that names the field that no service accepts */
export function parseRequest(request: unknown): RunRequest {
  const parsed = runRequestSchema.safeParse(request);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new InputError(escapeForTerminal(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'is wrong'}`));
}

/** A file of the host that a run is given. */
export interface NamedFile {
  readonly path: string;
  readonly data: Buffer;
}

export async function readFiles(pairs: readonly Pair[], maxBytes: number): Promise<NamedFile[]> {
  const files: NamedFile[] = [];
  let total = 0;
  for (const { name, value } of pairs) {
    const checked = filePathSchema.safeParse(name);
    if (!checked.success)
      throw new InputError(`--file ${quote(name)}: ${checked.error.issues[0]?.message ?? 'is wrong'}`);
    if (files.some((file) => file.path === name))
      throw new InputError(`--file ${quote(name)}: is given twice`);
    const data = await readBounded(value, maxBytes - total);
    total += data.length;
    files.push({ path: name, data });
  }
  return files;
}

const MIB = 1024 * 1024;

/**
 * Reads all input up front: the way it arrives in pieces depends on timing, and a pipe cannot be read again.
 * @param option why, for the message
 * @throws InputError where it is more than a request may have
 */
export function readAll(fd: number, option = '--deterministic'): { kind: 'buffer'; data: Buffer } {
  const most = REQUEST_BOUNDS.stdinBytes;
  const room = Buffer.allocUnsafe(MIB);
  const pieces: Buffer[] = [];
  for (let total = 0; total <= most; ) {
    const size = readPiece(fd, room);
    if (size === 0) return { kind: 'buffer', data: Buffer.concat(pieces) };
    pieces.push(Buffer.from(room.subarray(0, size)));
    total += size;
  }
  throw new InputError(`the standard input is too large (at most ${most / MIB} MiB with ${option})`);
}

function readPiece(fd: number, room: Buffer): number {
  try {
    return readSync(fd, room);
  } catch (cause) {
    throw new InputError('the standard input cannot be read', { cause });
  }
}

export function openStdin(path: string): number {
  if (!existsSync(path)) throw new InputError(`--stdin: ${path}: no such file`);
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (cause) {
    throw new InputError(`--stdin: ${path}: cannot be read`, { cause });
  }
  if (!fstatSync(fd).isDirectory()) return fd;
  closeSync(fd);
  throw new InputError(`--stdin: ${path}: is a folder, not a file`);
}

/** The captured output, where the program would have written it. */
export async function printOutput(result: RunResult): Promise<void> {
  await written(process.stdout, Buffer.concat([bytesOf(result, 'stdout'), bytesOf(result, 'combined')]));
  await written(process.stderr, bytesOf(result, 'stderr'));
}

function written(stream: NodeJS.WritableStream, data: string | Buffer): Promise<void> {
  return new Promise((resolve) => stream.write(data, () => resolve()));
}

export async function report(result: RunResult, json: boolean): Promise<void> {
  const line = endingLine(result);
  if (line !== null) process.stderr.write(`sandpiper: ${line}\n`);
  const refusal = refusalLine(result.refused);
  if (refusal !== null) process.stderr.write(`sandpiper: ${refusal}\n`);
  const wait = cpuWaitLine(result);
  if (wait !== null) process.stderr.write(`sandpiper: unreliable: ${wait}\n`);
  if (json) await written(process.stdout, `${JSON.stringify(result, null, 2)}\n`);
}
