import { randomUUID } from 'node:crypto';
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { completeLimits, LIMITS, type RunResult, RUN_FOLDER } from '@sandpiper/contracts';
import { Cell, currentCpu, type GuestJob, type LiveStreams } from '@sandpiper/controller';
import { InputError } from '@sandpiper/grading/basics';
import { requireCpu, requireTracePath, interpreterOf } from './command.js';
import type { RunOptions } from './input.js';
import { type LimitOptions, limitsOf } from '../limit-options.js';
import { endingLine, exitCodeOf } from '../exit-codes.js';
import { readHistory, writeHistory } from '../terminal/history-file.js';
import { quote } from '../options.js';
import { Prompt } from '../terminal/prompt.js';
import { TerminalText } from '../terminal/text.js';
import { asInputError } from './refused.js';

export interface InteractOptions
  extends LimitOptions,
    Pick<RunOptions, 'engine' | 'pypy' | 'lib' | 'runtime' | 'env' | 'trace' | 'cpu'> {
  tmp?: string;
  raw?: boolean;
}

/** Number of consecutive Ctrl-C without a new prompt after which the session is ended. */
const PATIENCE = 3;

/** `sandpiper interact`: a prompt on a sandboxed interpreter. Returns the exit code. */
export async function interactCommand(options: InteractOptions): Promise<number> {
  const job = await jobOf(options);
  const cpu = options.cpu === undefined ? currentCpu() : requireCpu(options.cpu);
  const cell = await Cell.start({ id: null, cpu, node: null, rpython: null });
  const terminal = process.stdin.isTTY && process.stdout.isTTY;
  const session = terminal ? new TerminalSession(cell, job, options) : new PipedSession(options);
  const stop = () => cell.cancel(job.id);
  let hungUp = false;
  // The terminal is gone: further reads and writes fail.
  const hangUp = () => {
    hungUp = true;
    stop();
  };
  for (const stream of [process.stdin, process.stdout, process.stderr]) stream.on('error', hangUp);
  process.on('SIGTERM', stop);
  process.on('SIGHUP', hangUp);
  if (!terminal) process.on('SIGINT', stop);
  try {
    const result = await cell.runJob(job, session);
    session.close();
    const line = endingLine(result);
    if (line !== null) process.stderr.write(`sandpiper: ${line}\n`);
    return exitCodeOf(result satisfies RunResult);
  } catch (error) {
    throw asInputError(error);
  } finally {
    session.close();
    await cell.close();
    for (const signal of ['SIGTERM', 'SIGINT']) process.off(signal, stop);
    process.off('SIGHUP', hangUp);
    // At exit Node restores the terminal's modes, and aborts when the terminal is gone.
    if (hungUp && terminal) process.kill(process.pid, 'SIGHUP');
  }
}

async function jobOf(options: InteractOptions): Promise<GuestJob> {
  const { tmp } = options;
  const env = Object.fromEntries((options.env ?? []).map(({ name, value }) => [name, value]));
  return {
    id: randomUUID(),
    attempt: 1,
    interpreter: await interpreterOf(options),
    programPath: null,
    args: [],
    env,
    folder: RUN_FOLDER,
    files: [],
    mounts: tmp === undefined ? [] : [{ host: folder('--tmp', tmp), path: '/tmp' }],
    stdin: { kind: 'live' },
    output: 'live',
    tracePath: options.trace === undefined ? null : requireTracePath(options.trace),
    deterministic: null,
    outputs: [],
    limits: completeLimits({ ...longestSession(), ...limitsOf(options) }),
  };
}

/** A person at a prompt takes time, so only memory, files and disk keep their usual limits. */
function longestSession() {
  const { cpuMs, wallMs, syscalls, controllerCpuMs, outputBytes } = LIMITS;
  return {
    cpuMs: cpuMs.max,
    wallMs: wallMs.max,
    syscalls: syscalls.max,
    controllerCpuMs: controllerCpuMs.max,
    outputBytes: outputBytes.max,
  };
}

function folder(option: string, path: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw new InputError(`${option}: ${quote(path)}: no such folder`);
  if (!found.isDirectory()) throw new InputError(`${option}: ${quote(path)}: is not a folder`);
  return resolve(path);
}

/** Writes the guest's output, raw or escaped for a terminal. */
class Output {
  readonly #texts = { stdout: new TerminalText(), stderr: new TerminalText() };
  /** The unfinished last line: it is the prompt when the guest asks for input. */
  lastLine = '';

  constructor(private readonly raw: boolean) {}

  write(stream: 'stdout' | 'stderr', data: Uint8Array): void {
    const target = process[stream];
    if (this.raw || !target.isTTY) target.write(data);
    const text = this.#texts[stream].take(data);
    if (!this.raw && target.isTTY) target.write(text);
    const end = text.lastIndexOf('\n');
    this.lastLine = end < 0 ? this.lastLine + text : text.slice(end + 1);
  }
}

class TerminalSession implements LiveStreams {
  readonly #output: Output;
  readonly #prompt: Prompt;
  #unheeded = 0;
  #closed = false;

  constructor(cell: Cell, job: GuestJob, options: InteractOptions) {
    this.#output = new Output(options.raw === true);
    const interruptible = job.interpreter.engine === 'seccomp';
    this.#prompt = new Prompt({
      input: process.stdin,
      output: process.stdout,
      history: readHistory(),
      onInterrupt: (typing) => {
        if (interruptible && this.#unheeded++ < PATIENCE) {
          cell.interrupt(job.id);
          return true;
        }
        // A translated interpreter has no signals: only ending the session ends its statement.
        if (!typing) cell.cancel(job.id);
        return false;
      },
    });
  }

  onOutput(stream: 'stdout' | 'stderr', data: Uint8Array): void {
    this.#output.write(stream, data);
  }

  async onInput(): Promise<Uint8Array | null> {
    this.#unheeded = 0;
    const prompt = this.#output.lastLine;
    this.#output.lastLine = '';
    const line = await this.#prompt.ask(prompt);
    return line === null ? null : Buffer.from(line);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#prompt.close();
    writeHistory(this.#prompt.history);
    if (this.#output.lastLine !== '') process.stdout.write('\n');
  }
}

/** Passes input from a file or a pipe to the guest as it arrives. */
class PipedSession implements LiveStreams {
  readonly #output: Output;
  readonly #input = process.stdin[Symbol.asyncIterator]();

  constructor(options: InteractOptions) {
    this.#output = new Output(options.raw === true);
  }

  onOutput(stream: 'stdout' | 'stderr', data: Uint8Array): void {
    this.#output.write(stream, data);
  }

  async onInput(): Promise<Uint8Array | null> {
    const next = (await this.#input.next()) as IteratorResult<Uint8Array, undefined>;
    return next.done === true ? null : Buffer.from(next.value);
  }

  close(): void {
    process.stdin.destroy();
  }
}
