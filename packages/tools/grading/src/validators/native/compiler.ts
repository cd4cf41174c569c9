import { createHash } from 'node:crypto';
import { chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { errorCode, oneLine } from '@sandpiper/contracts';
import { InputError } from '../../files/errors.js';
import type { ProgramFile } from '../../submissions/submitted-program.js';
import { type BoundedEnd, runBounded } from './bounded-command.js';

/** The sources of a program in C or C++, with the headers beside them. */
export interface NativeSources {
  /** Names the program in messages. */
  readonly where: string;
  readonly files: readonly ProgramFile[];
}

/** Makes a shared object of sources. It runs on the host, so only where the operator allows it. */
export interface Compiler {
  /** @throws InputError one line that says why the sources do not become a program */
  compile(sources: NativeSources): Promise<Buffer>;
}

const MIB = 2 ** 20;
const BOUNDS = {
  // Of elapsed time much more than of CPU time: other work of the host is not the fault of a source.
  wallMs: 300_000,
  cpuSeconds: 60,
  memoryBytes: 2048 * MIB,
  fileBytes: 64 * MIB,
  outputBytes: MIB,
} as const;
/** It travels with every run of the program. */
const MAX_OBJECT_BYTES = 6 * MIB;
const MAX_REASON = 300;
/** The user without rights of every Linux system. */
const NOBODY = 65_534;

export const isNativeSource = (name: string): boolean => /\.(c|cc|cpp|cxx|c\+\+|C)$/.test(name);
const isC = (name: string): boolean => name.endsWith('.c');

/**
 * One object without names that another library could take for its own: an interpreter loads it and calls its `main`. It
 * brings the library of C++ along, since the sandbox has only that of C.
 */
const FLAGS = [
  '-shared',
  '-fPIC',
  '-O2',
  '-s',
  '-ffunction-sections',
  '-fdata-sections',
  '-static-libgcc',
  '-Wl,--gc-sections,--no-undefined,--require-defined=main,--version-script=.exports',
  // Of an error its first line is shown, and never an excerpt of a file.
  '-w',
  '-fmax-errors=1',
  '-fdiagnostics-color=never',
  '-fno-diagnostics-show-caret',
  '-I.',
  '-Iinclude',
] as const;
const EXPORTS = '{ global: main; local: *; };\n';

/** The compiler of the host. It compiles the same sources once. */
export class HostCompiler implements Compiler {
  private readonly compiled = new Map<string, Promise<Buffer>>();

  async compile(sources: NativeSources): Promise<Buffer> {
    const key = digestOf(sources.files);
    const known = this.compiled.get(key);
    if (known !== undefined) return known;
    const compiling = compileOnce(sources);
    this.compiled.set(key, compiling);
    return compiling;
  }
}

function digestOf(files: readonly ProgramFile[]): string {
  const hash = createHash('sha256');
  for (const { name, bytes } of files) hash.update(`${name.length} ${name} ${bytes.length} `).update(bytes);
  return hash.digest('hex');
}

async function compileOnce({ where, files }: NativeSources): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'sandpiper-compile-'));
  try {
    const userId = process.getuid?.() === 0 ? NOBODY : null;
    await lay(folder, files, userId);
    const words = commandFor(files);
    const end = await run(words, folder, userId, where);
    if (end.code !== 0) throw new InputError(`${where}: does not compile: ${faultOf(end)}`);
    return await objectIn(folder, where);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** As root the compiler runs as a user who may read no secret of the host: a source can include any file by its path. */
async function lay(folder: string, files: readonly ProgramFile[], userId: number | null): Promise<void> {
  for (const { name, bytes } of files) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), bytes);
  }
  await writeFile(join(folder, '.exports'), EXPORTS);
  if (userId !== null) await chown(folder, userId, userId);
}

function commandFor(files: readonly ProgramFile[]): string[] {
  const sources = files.map(({ name }) => name).filter(isNativeSource);
  const language = sources.every(isC)
    ? ['gcc', '-std=gnu17']
    : ['g++', '-std=gnu++20', '-static-libstdc++', '-x', 'c++'];
  // A name may begin with a dash.
  return [
    ...language,
    ...FLAGS,
    ...sources.map((name) => `./${name}`),
    '-x',
    'none',
    '-lm',
    '-o',
    '.object.so',
  ];
}

async function run(
  words: readonly string[],
  folder: string,
  userId: number | null,
  where: string,
): Promise<BoundedEnd> {
  const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin', HOME: folder, TMPDIR: folder, LC_ALL: 'C' };
  try {
    return await runBounded(words, { folder, env, userId }, BOUNDS);
  } catch (cause) {
    throw new InputError(
      `${where}: the compiler cannot be started${userId === null ? '' : ` as the user ${userId}`} (${errorCode(cause) ?? 'unknown error'})`,
      { cause },
    );
  }
}

/** One line. */
function faultOf({ code, output, exceeded }: BoundedEnd): string {
  if (exceeded === 'output') return `the compiler printed more than ${BOUNDS.outputBytes / MIB} MiB`;
  if (exceeded === 'time') return `it takes more than ${BOUNDS.wallMs / 1000} s`;
  if (code === 127) return 'this host has no g++ (Debian: apt-get install g++)';
  if (/out of memory|virtual memory exhausted|Cannot allocate memory/i.test(output))
    return `the compiler needs more than ${BOUNDS.memoryBytes / MIB} MiB of memory`;
  if (/CPU time limit exceeded|signal 24\b|signal 9\b|Killed/i.test(output))
    return `the compiler needs more than ${BOUNDS.cpuSeconds} s of CPU time`;
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  const telling =
    lines.find((line) => /undefined (reference|symbol)|required symbol|multiple definition/.test(line)) ??
    lines.find((line) => /: (fatal )?error: /.test(line)) ??
    lines[0] ??
    'the compiler says nothing';
  return oneLine(telling.replace(/(^|\s)\.\//g, '$1').trim(), MAX_REASON);
}

async function objectIn(folder: string, where: string): Promise<Buffer> {
  const object = await readFile(join(folder, '.object.so'));
  if (object.length > MAX_OBJECT_BYTES) {
    throw new InputError(
      `${where}: compiles to ${(object.length / MIB).toFixed(1)} MiB, more than ${MAX_OBJECT_BYTES / MIB} MiB`,
    );
  }
  return object;
}
