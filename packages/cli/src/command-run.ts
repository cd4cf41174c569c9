import { closeSync, existsSync, fstatSync, openSync, readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import {
  completeLimits,
  DEFAULT_EPOCH_S,
  DEFAULT_SEED,
  fileNameSchema,
  REQUEST_BOUNDS,
  runRequestSchema,
  type Engine,
  type Limits,
  type RunRequest,
  type RunResult,
} from '@sandpiper/contracts';
import {
  type Determinism,
  RunRefusedError,
  type Interpreter,
  type LocalRun,
  RUN_FOLDER,
  runLocally,
} from '@sandpiper/controller';
import { InputError, readBounded } from '@sandpiper/grading';
import { escapeForTerminal } from './escape.js';
import { EXIT, endingLine, exitCodeOf } from './exit-codes.js';
import { catchInterrupts } from './interrupt.js';
import { quote, type Pair } from './options.js';
import { type OutputTarget, writeOutputs } from './output-files.js';

const MIB = 1024 * 1024;

export interface RunOptions {
  json?: boolean;
  cpuMs?: number;
  wallMs?: number;
  memoryMb?: number;
  outputMb?: number;
  diskMb?: number;
  weakerLimits?: boolean;
  strictLimits?: boolean;
  stdin?: string;
  file?: Pair[];
  env?: Pair[];
  engine?: Engine;
  pypy?: string;
  lib?: string;
  deterministic?: boolean;
  seed?: string;
  epoch?: number;
  transcript?: string;
  out?: OutputTarget[];
  trace?: string;
  cpu?: number;
  server?: string;
}

/** `sandpiper run`: one program, here and now. Gives the exit code. */
export async function runCommand(
  program: string,
  args: readonly string[],
  options: RunOptions,
): Promise<number> {
  if (options.server !== undefined) {
    const { runRemotely } = await import('./command-run-remote.js');
    return runRemotely(options.server, program, args, options);
  }
  const limits = limitsOf(options);
  const interpreter = interpreterOf(options);
  const deterministic = determinismOf(options);
  const request = buildRequest(args, limits, options);
  const programBytes = await readBounded(program, REQUEST_BOUNDS.sourceBytes);
  const files = await readFiles(options.file ?? [], completeLimits(limits).diskBytes);
  const cpu = options.cpu === undefined ? null : demandCpu(options.cpu);
  const outputs = options.out ?? [];
  const tracePath = options.trace === undefined ? null : demandTracePath(options.trace);
  const stdinFd = options.stdin === undefined ? 0 : openStdin(options.stdin);
  try {
    const result = await runInterruptibly(
      {
        request,
        interpreter,
        deterministic,
        mounts: [],
        outputs: outputs.map(({ name }) => name),
        // The guest sees the paths that it would see without the sandbox: they stand in tracebacks and in argv.
        folder: folderOf(program),
        programPath: folderOf(program) === process.cwd() ? program : resolve(program),
        program: programBytes,
        files,
        stdin: deterministic === null ? { kind: 'fd', fd: stdinFd } : readAll(stdinFd),
        output: options.json === true ? 'capture' : 'pass-through',
        tracePath,
      },
      cpu,
    );
    const allThere = writeOutputs(result, outputs);
    await report(result, options.json === true);
    return allThere || result.status !== 'ok' ? exitCodeOf(result) : EXIT.failed;
  } finally {
    if (stdinFd !== 0) closeSync(stdinFd);
  }
}

/** The interpreter that the options name. @throws InputError when they do not go together */
export function interpreterOf(options: {
  engine?: Engine;
  pypy?: string;
  lib?: string | undefined;
}): Interpreter {
  const { engine = 'seccomp', pypy, lib } = options;
  if (engine === 'seccomp') {
    if (pypy !== undefined) throw new InputError('--pypy goes with --engine rpython');
    if (lib !== undefined) throw new InputError('--lib goes with --engine rpython');
    return { engine };
  }
  if (pypy === undefined || lib === undefined) {
    throw new InputError(
      '--engine rpython wants --pypy PATH and --lib DIR: a PyPy translated with --sandbox, and its library',
    );
  }
  return { engine, executable: resolve(pypy), library: resolve(lib) };
}

function determinismOf(options: RunOptions): Determinism | null {
  const { deterministic, seed = DEFAULT_SEED, epoch = DEFAULT_EPOCH_S, transcript } = options;
  if (deterministic === true) {
    const transcriptPath = transcript === undefined ? null : demandNewFile('--transcript', transcript);
    return { seed, epochMs: epoch * 1000, transcriptPath };
  }
  for (const name of ['seed', 'epoch', 'transcript'] as const) {
    if (options[name] !== undefined) throw new InputError(`--${name} goes with --deterministic`);
  }
  return null;
}

/** Where the guest's system lies its folder cannot be: it works in /box then, and the program's path is absolute. */
const SYSTEM = /^\/(usr|lib|lib64|bin|sbin|etc|dev|proc)(\/|$)/;

function folderOf(program: string): string {
  const folder = process.cwd();
  if (SYSTEM.test(resolve(program))) {
    throw new InputError(`${quote(program)}: lies in a folder of the system; copy it elsewhere`);
  }
  return folder === '/' || SYSTEM.test(folder) ? RUN_FOLDER : folder;
}

/** The request without its program, which goes as bytes: Python may be in another encoding than UTF-8. */
export function buildRequest(
  args: readonly string[],
  limits: Partial<Limits>,
  options: RunOptions,
): RunRequest {
  const parsed = runRequestSchema.safeParse({
    source: '',
    args: [...args],
    ...(options.env === undefined
      ? {}
      : { env: Object.fromEntries(options.env.map((e) => [e.name, e.value])) }),
    limits,
    ...(options.weakerLimits === true ? { accept: { weakerLimits: true } } : {}),
    ...(options.strictLimits === true ? { accept: { weakerLimits: false } } : {}),
  });
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new InputError(escapeForTerminal(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'is wrong'}`));
}

export function limitsOf(
  options: Pick<RunOptions, 'cpuMs' | 'wallMs' | 'memoryMb' | 'outputMb' | 'diskMb'>,
): Partial<Limits> {
  const { cpuMs, wallMs, memoryMb, outputMb, diskMb } = options;
  return {
    ...(cpuMs === undefined ? {} : { cpuMs }),
    ...(wallMs === undefined ? {} : { wallMs }),
    ...(memoryMb === undefined ? {} : { memoryBytes: memoryMb * MIB }),
    ...(outputMb === undefined ? {} : { outputBytes: outputMb * MIB }),
    ...(diskMb === undefined ? {} : { diskBytes: diskMb * MIB }),
  };
}

export async function readFiles(
  pairs: readonly Pair[],
  maxBytes: number,
): Promise<{ path: string; data: Buffer }[]> {
  const files: { path: string; data: Buffer }[] = [];
  let total = 0;
  for (const { name, value } of pairs) {
    const checked = fileNameSchema.safeParse(name);
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

/** Pinning to a processor that this process may not use would fail late, with another tool's message. */
export function demandCpu(cpu: number): number {
  const list = /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '';
  const allowed = list.split(',').some((range) => {
    const [first, last] = range.split('-').map(Number);
    return first !== undefined && cpu >= first && cpu <= (last ?? first);
  });
  if (!allowed) throw new InputError(`--cpu ${cpu}: this process may use the processors ${list}`);
  return cpu;
}

export function demandTracePath(path: string): string {
  return demandNewFile('--trace', path);
}

/** A file that can be made there, or replaced. */
function demandNewFile(option: string, path: string): string {
  if (!existsSync(dirname(path))) throw new InputError(`${option}: ${dirname(path)}: no such folder`);
  if (existsSync(path) && statSync(path).isDirectory())
    throw new InputError(`${option}: ${path}: is a folder`);
  return path;
}

/** All input beforehand: how it would come in pieces is a matter of time. */
export function readAll(fd: number): { kind: 'buffer'; data: Buffer } {
  try {
    return { kind: 'buffer', data: readFileSync(fd) };
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

/** The first Ctrl-C kills the guest, and its result says so; the second does not wait for that. */
async function runInterruptibly(run: LocalRun, cpu: number | null): Promise<RunResult> {
  const interrupt = catchInterrupts();
  try {
    return await runLocally(run, { signal: interrupt.signal, cpu });
  } catch (error) {
    if (error instanceof RunRefusedError)
      throw new InputError(escapeForTerminal(error.message), { cause: error });
    throw error;
  } finally {
    interrupt.release();
  }
}

export async function report(result: RunResult, json: boolean): Promise<void> {
  const line = endingLine(result);
  if (line !== null) process.stderr.write(`sandpiper: ${line}\n`);
  if (!json) return;
  const text = `${JSON.stringify(result, null, 2)}\n`;
  await new Promise<void>((resolve) => process.stdout.write(text, () => resolve()));
}
