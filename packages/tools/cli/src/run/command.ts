import { closeSync, existsSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import {
  completeLimits,
  DEFAULT_EPOCH_S,
  DEFAULT_SEED,
  REQUEST_BOUNDS,
  type Engine,
  type RunResult,
} from '@sandpiper/contracts';
import {
  allowedCpuList,
  availableCpus,
  type Determinism,
  RunRefusedError,
  type Interpreter,
  type LocalRun,
  RUN_FOLDER,
  runLocally,
} from '@sandpiper/controller';
import { InputError, readBounded } from '@sandpiper/grading';
import { escapeForTerminal } from '../terminal/escape.js';
import { EXIT, exitCodeOf } from '../exit-codes.js';
import { catchInterrupts } from '../interrupt.js';
import { quote } from '../options.js';
import { writeOutputs } from './output-files.js';
import { buildRequest, limitsOf, openStdin, readAll, readFiles, report, type RunOptions } from './input.js';

/** `sandpiper run`: runs one program on this host. Returns the exit code. */
export async function runCommand(
  program: string,
  args: readonly string[],
  options: RunOptions,
): Promise<number> {
  if (options.server !== undefined) {
    const { runRemotely } = await import('./remote.js');
    return runRemotely(options.server, program, args, options);
  }
  const limits = limitsOf(options);
  const interpreter = interpreterOf(options);
  const deterministic = determinismOf(options);
  const request = buildRequest(args, limits, options);
  const programBytes = await readBounded(program, REQUEST_BOUNDS.sourceBytes);
  const files = await readFiles(options.file ?? [], completeLimits(limits).diskBytes);
  const cpu = options.cpu === undefined ? null : requireCpu(options.cpu);
  const outputs = options.out ?? [];
  const tracePath = options.trace === undefined ? null : requireTracePath(options.trace);
  const stdinFd = options.stdin === undefined ? 0 : openStdin(options.stdin);
  try {
    const result = await runInterruptibly(
      {
        request,
        interpreter,
        deterministic,
        mounts: [],
        outputs: outputs.map(({ name }) => name),
        // The guest sees the paths that it would see without the sandbox: they appear in tracebacks and in
        // argv.
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

/** The interpreter that the options name. @throws InputError when the options conflict */
export function interpreterOf(options: {
  engine?: Engine;
  pypy?: string;
  lib?: string | undefined;
}): Interpreter {
  const { engine = 'seccomp', pypy, lib } = options;
  if (engine === 'seccomp') {
    if (pypy !== undefined) throw new InputError('--pypy needs --engine rpython');
    if (lib !== undefined) throw new InputError('--lib needs --engine rpython');
    return { engine };
  }
  if (pypy === undefined || lib === undefined) {
    throw new InputError(
      '--engine rpython needs --pypy PATH and --lib DIR: a PyPy translated with --sandbox, and its library',
    );
  }
  return { engine, executable: resolve(pypy), library: resolve(lib) };
}

function determinismOf(options: RunOptions): Determinism | null {
  const { deterministic, seed = DEFAULT_SEED, epoch = DEFAULT_EPOCH_S, transcript } = options;
  if (deterministic === true) {
    const transcriptPath = transcript === undefined ? null : requireNewFile('--transcript', transcript);
    return { seed, epochMs: epoch * 1000, transcriptPath };
  }
  for (const name of ['seed', 'epoch', 'transcript'] as const) {
    if (options[name] !== undefined) throw new InputError(`--${name} needs --deterministic`);
  }
  return null;
}

/**
 * System folders belong to the guest's system: from there the program runs in /box, with its absolute path.
 */
const SYSTEM = /^\/(usr|lib|lib64|bin|sbin|etc|dev|proc)(\/|$)/;

function folderOf(program: string): string {
  const folder = process.cwd();
  if (SYSTEM.test(resolve(program))) {
    throw new InputError(`${quote(program)}: is in a system folder; copy it elsewhere`);
  }
  return folder === '/' || SYSTEM.test(folder) ? RUN_FOLDER : folder;
}

/** Checked here because pinning to a forbidden processor would fail late, with another tool's message. */
export function requireCpu(cpu: number): number {
  if (availableCpus().includes(cpu)) return cpu;
  throw new InputError(`--cpu ${cpu}: this process may use the processors ${allowedCpuList()}`);
}

export function requireTracePath(path: string): string {
  return requireNewFile('--trace', path);
}

/** A path where a file can be created or replaced. */
function requireNewFile(option: string, path: string): string {
  if (!existsSync(dirname(path))) throw new InputError(`${option}: ${dirname(path)}: no such folder`);
  if (existsSync(path) && statSync(path).isDirectory())
    throw new InputError(`${option}: ${path}: is a folder`);
  return path;
}

/** The first Ctrl-C kills the guest and still reports its result; the second quits at once. */
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
