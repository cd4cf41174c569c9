import { closeSync, existsSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { completeLimits, DEFAULT_EPOCH_S, DEFAULT_SEED, type RunResult } from '@sandpiper/contracts';
import {
  allowedCpuList,
  availableCpus,
  type Determinism,
  type Interpreter,
  type LocalRun,
  type LocalRunOptions,
  runLocally,
} from '@sandpiper/controller';
import { InputError } from '@sandpiper/grading/basics';
import { EXIT } from '../exit-codes.js';
import { catchInterrupts } from '../interrupt.js';
import { limitsOf } from '../limit-options.js';
import { expectedOutputOf, judged, reportVerdict } from './expected.js';
import { writeOutputs } from './output-files.js';
import { buildRequest, openStdin, printOutput, readAll, report, type RunOptions } from './input.js';
import { liesIn } from './folder.js';
import { layOut } from './layout.js';
import { missingModuleLine, otherRuntimesLine } from './missing-module.js';
import { assertGoesWithoutFile, wordsInstead } from './start.js';
import { chosenRuntime, knownRuntimes, runtimesFile } from '../runtimes/runtime-options.js';
import { asInputError } from './refused.js';

/**
 * `sandpiper run`: runs one program on this host. Returns the exit code.
 * @param program a file, "-" for the standard input, or null where the options say what runs
 */
export async function runCommand(
  program: string | null,
  args: readonly string[],
  options: RunOptions,
): Promise<number> {
  const instead = wordsInstead(program, options);
  if (options.transcript !== undefined && options.engine !== 'rpython' && options.lib !== undefined)
    throw new InputError('--lib does not go with --transcript: describe a runtime that has the folder');
  if (instead !== null) assertGoesWithoutFile(instead, options);
  const file = instead === null ? program : null;
  if (options.server !== undefined && file !== null) {
    if (options.lib !== undefined)
      throw new InputError('--lib does not go with --server: its nodes have theirs');
    const { runRemotely } = await import('./remote.js');
    return runRemotely(options.server, file, args, options);
  }
  const limits = limitsOf(options);
  const interpreter = await interpreterOf(options);
  const deterministic = determinismOf(options);
  const request = buildRequest(args, limits, options);
  const expectation = await expectedOutputOf(options);
  const layout = await layOut(file, options, completeLimits(limits).diskBytes);
  const cpu = options.cpu === undefined ? null : requireCpu(options.cpu);
  const outputs = options.out ?? [];
  const tracePath = options.trace === undefined ? null : requireTracePath(options.trace);
  const isRepeated = (options.retryUnreliable ?? 0) > 0;
  const isCaptured = isRepeated || expectation !== null;
  const stdinFd = options.stdin === undefined ? 0 : openStdin(options.stdin);
  try {
    const ended = await runInterruptibly(
      {
        request,
        interpreter,
        deterministic,
        ...layout,
        ...(instead === null ? {} : { instead }),
        outputs: outputs.map(({ name }) => name),
        stdin: stdinOf(stdinFd, deterministic !== null, isRepeated),
        output: options.json === true || isCaptured ? 'capture' : 'pass-through',
        ...(options.combined === true ? { combined: true } : {}),
        tracePath,
      },
      { cpu, retryUnreliable: options.retryUnreliable ?? 0 },
    );
    const result = await judged(ended, layout, expectation);
    if (isCaptured && options.json !== true) await printOutput(result);
    const allThere = writeOutputs(result, outputs);
    await report(result, options.json === true);
    if (!explainMissingModule(result, file, options)) await nameOtherRuntimes(result);
    const code = reportVerdict(result);
    return allThere || result.status !== 'ok' ? code : EXIT.failed;
  } finally {
    if (stdinFd !== 0) closeSync(stdinFd);
  }
}

/** Read by the guest itself, where nothing needs it as a whole. */
function stdinOf(fd: number, isDeterministic: boolean, isRepeated: boolean): LocalRun['stdin'] {
  if (!isDeterministic && !isRepeated) return { kind: 'fd', fd };
  return readAll(fd, isDeterministic ? '--deterministic' : '--retry-unreliable');
}

/** Only where a file describes runtimes. */
async function nameOtherRuntimes(result: RunResult): Promise<void> {
  if (runtimesFile() === null) return;
  const { runtimesWith } = await import('@sandpiper/controller/runtimes');
  const all = await knownRuntimes();
  const line = otherRuntimesLine(result, (module) => runtimesWith(module, all));
  if (line !== null) process.stderr.write(`sandpiper: ${line}\n`);
}

/**
 * A folder that is shown has every module that lies in it.
 * @returns whether there was something to say
 */
function explainMissingModule(result: RunResult, file: string | null, options: RunOptions): boolean {
  const { folder } = options;
  if (folder !== undefined && (file === null || liesIn(resolve(folder), resolve(dirname(file)))))
    return false;
  const given = (options.file ?? []).map(({ name }) => name);
  const line = missingModuleLine(result, file, given);
  if (line !== null) process.stderr.write(`sandpiper: ${line}\n`);
  return line !== null;
}

/** The interpreter that the options name. @throws InputError when the options conflict */
export async function interpreterOf(
  options: Pick<RunOptions, 'engine' | 'pypy' | 'lib' | 'runtime'>,
): Promise<Interpreter> {
  const { engine = 'seccomp', pypy } = options;
  if (engine === 'seccomp') {
    if (pypy !== undefined) throw new InputError('--pypy needs --engine rpython');
    return { engine, runtime: await chosenRuntime(options) };
  }
  if (options.runtime !== undefined) throw new InputError('--runtime does not go with --engine rpython');
  const lib = options.lib?.at(-1);
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
async function runInterruptibly(run: LocalRun, options: LocalRunOptions): Promise<RunResult> {
  const interrupt = catchInterrupts();
  try {
    return await runLocally(run, { ...options, signal: interrupt.signal });
  } catch (error) {
    throw asInputError(error);
  } finally {
    interrupt.release();
  }
}
