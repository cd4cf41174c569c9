import { randomUUID } from 'node:crypto';
import { closeSync, createReadStream, readFileSync } from 'node:fs';
import { basename, isAbsolute, normalize } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiError, feedFrom, type RunStream, type SandpiperClient } from '@sandpiper/client';
import {
  completeLimits,
  encodeBytes,
  fileNameSchema,
  type LiveResult,
  REQUEST_BOUNDS,
  type RunFile,
  type RunRequest,
  type RunResult,
} from '@sandpiper/contracts';
import { InputError, readBounded } from '@sandpiper/grading';
import { buildRequest, limitsOf, openStdin, readFiles, report, type RunOptions } from './command-run.js';
import { escapeForTerminal } from './escape.js';
import { EXIT, endingLine, exitCodeOf } from './exit-codes.js';
import { catchInterrupts } from './interrupt.js';
import { quote } from './options.js';
import { writeOutputs } from './output-files.js';
import { Patience } from './patience.js';
import { DescriptorWriter, PrintedOutput } from './printed-output.js';
import { findService } from './service-address.js';

/** A run that was cancelled has its result after this time, or is left alone, milliseconds. */
const CANCEL_MS = 15_000;

/** A service that cannot be followed any more is asked to end the run; not for longer than this, milliseconds. */
const GOODBYE_MS = 2_000;

/** What a service does not do for whoever submits to it. */
const LOCAL = ['trace', 'cpu', 'pypy', 'lib', 'transcript'] as const;

/** `sandpiper run --server`: one program on a service, as if it ran here. Gives the exit code. */
export async function runOnServer(
  program: string,
  args: readonly string[],
  options: RunOptions,
): Promise<number> {
  for (const name of LOCAL) {
    if (options[name] !== undefined) throw new InputError(`--${name} is for runs on this host, not --server`);
  }
  const stdinFd = options.stdin === undefined ? 0 : openStdin(options.stdin);
  const interrupt = catchInterrupts();
  try {
    const request = await requestOf(program, args, options, stdinFd);
    const client = await findService(options.server);
    const id = await submit(client, request, interrupt.signal);
    const run = new RemoteRun(client, id, request.live === true ? stdinFd : null, options);
    return await run.follow(interrupt.signal);
  } catch (error) {
    if (interrupt.signal.aborted) return EXIT.interrupted;
    throw error;
  } finally {
    interrupt.release();
    if (stdinFd !== 0) closeSync(stdinFd);
  }
}

async function requestOf(
  program: string,
  args: readonly string[],
  options: RunOptions,
  stdinFd: number,
): Promise<RunRequest> {
  const limits = limitsOf(options);
  const { source: _none, ...base } = buildRequest(args, limits, options);
  const entry = entryOf(program);
  const source = await readBounded(program, REQUEST_BOUNDS.sourceBytes);
  const beside = await readFiles(options.file ?? [], completeLimits(limits).diskBytes);
  for (const { path, data } of beside) {
    if (path === entry) throw new InputError(`--file ${quote(path)}: is the name of the program`);
    if (data.length > REQUEST_BOUNDS.sourceBytes) {
      throw new InputError(`--file ${quote(path)}: is larger than the 8 MiB that a service takes`);
    }
  }
  const files = [{ path: entry, data: source }, ...beside].map(({ path, data }) => fileOf(path, data));
  const { engine, out } = options;
  return {
    ...base,
    files,
    entry,
    ...(engine === undefined ? {} : { engine }),
    ...(out === undefined ? {} : { outputs: out.map(({ name }) => name) }),
    ...inputOf(options, stdinFd),
    idempotencyKey: randomUUID(),
  };
}

/** A program below the folder that we are in keeps its path: it stands in tracebacks and in argv. */
function entryOf(program: string): string {
  const path = normalize(program);
  return !isAbsolute(path) && fileNameSchema.safeParse(path).success ? path : basename(path);
}

function fileOf(name: string, data: Buffer): RunFile {
  const encoded = encodeBytes(data);
  return 'text' in encoded ? { name, content: encoded.text } : { name, contentBase64: encoded.base64 };
}

/** A deterministic run has all of its input beforehand: how it would come in pieces is a matter of time. */
function inputOf(options: RunOptions, stdinFd: number): Partial<RunRequest> {
  const { deterministic, seed, epoch } = options;
  if (deterministic !== true) {
    for (const name of ['seed', 'epoch'] as const) {
      if (options[name] !== undefined) throw new InputError(`--${name} goes with --deterministic`);
    }
    return { live: true };
  }
  const data = readFileSync(stdinFd);
  if (data.length > REQUEST_BOUNDS.stdinBytes) {
    throw new InputError('the standard input is larger than the 64 MiB that a service takes');
  }
  return {
    stdinBase64: data.toString('base64'),
    deterministic: { ...(seed === undefined ? {} : { seed }), ...(epoch === undefined ? {} : { epoch }) },
  };
}

async function submit(client: SandpiperClient, request: RunRequest, signal: AbortSignal): Promise<string> {
  try {
    return await new Patience(signal).retry(() => client.submitRun(request, { signal }));
  } catch (error) {
    if (!(error instanceof ApiError) || (error.status !== 400 && error.status !== 413)) throw error;
    throw new InputError(escapeForTerminal(error.message), { cause: error });
  }
}

/** A run on its way through the service, with the streams of this process for its own. */
class RemoteRun {
  private readonly stream: RunStream;
  private readonly outputs: Record<'stdout' | 'stderr', PrintedOutput>;
  private readerGone = false;

  constructor(
    private readonly client: SandpiperClient,
    private readonly id: string,
    /** Null when it has its input. */
    stdinFd: number | null,
    private readonly options: RunOptions,
  ) {
    this.stream = client.followRun(id, { feed: stdinFd !== null });
    const gone = (): void => {
      this.readerGone = true;
      this.stream.cancel();
    };
    this.outputs = {
      stdout: new PrintedOutput(new DescriptorWriter(1, gone)),
      // Whoever closes standard error wants the output all the same.
      stderr: new PrintedOutput(new DescriptorWriter(2, () => undefined)),
    };
    if (stdinFd !== null) this.feed(stdinFd);
  }

  async follow(signal: AbortSignal): Promise<number> {
    const stop = (): void => this.stream.cancel();
    signal.addEventListener('abort', stop);
    process.on('SIGHUP', stop);
    if (signal.aborted) stop();
    const unheard = new AbortController();
    try {
      const result = await Promise.race([this.result(), giveUp(signal, unheard.signal)]);
      return await this.conclude(result);
    } catch (error) {
      await this.client
        .cancelRun(this.id, { signal: AbortSignal.timeout(GOODBYE_MS) })
        .catch(() => undefined);
      throw error;
    } finally {
      unheard.abort();
      this.stream.close();
      process.off('SIGHUP', stop);
    }
  }

  private feed(fd: number): void {
    const source = fd === 0 ? process.stdin : createReadStream('', { fd, autoClose: false });
    // What cannot be read has come to its end; of a connection that is lost the other side is told.
    feedFrom(this.stream, source).catch(() => this.stream.end());
  }

  private async result(): Promise<LiveResult> {
    const { stdout, stderr } = this.outputs;
    const prints = this.options.json !== true;
    for await (const event of this.stream) {
      if (event.type === 'output' && prints) await this.outputs[event.stream].write(event.data);
      else if (event.type === 'restart') {
        stdout.restart();
        stderr.restart();
      } else if (event.type === 'result') {
        stdout.end();
        stderr.end();
        return event.result;
      }
    }
    throw new Error('the service told no result');
  }

  private async conclude(outcome: LiveResult): Promise<number> {
    const { json, out = [] } = this.options;
    const { stdout, stderr } = this.outputs;
    if (this.readerGone && outcome.status === 'cancelled') return EXIT.ok;
    let allThere = true;
    if (json === true || out.length > 0) {
      const result = await this.whole();
      allThere = writeOutputs(result, out);
      await report(result, json === true);
    } else {
      const line = endingLine(outcome);
      if (line !== null) process.stderr.write(`sandpiper: ${line}\n`);
    }
    if (stdout.differs || stderr.differs) {
      const what = 'the node died in the middle, and the run wrote something else when it was begun anew';
      process.stderr.write(`sandpiper: ${what}: what stands here is of both\n`);
      return EXIT.failed;
    }
    return allThere || outcome.status !== 'ok' ? exitCodeOf(outcome) : EXIT.failed;
  }

  private async whole(): Promise<RunResult> {
    const { result } = await this.client.getRun(this.id);
    if (result === null) throw new Error('the service told no result');
    return result;
  }
}

/** Rejects when a run that was to be cancelled says nothing of its end. */
async function giveUp(signal: AbortSignal, unheard: AbortSignal): Promise<never> {
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve());
  });
  await sleep(CANCEL_MS, undefined, { signal: unheard });
  throw new Error('the service did not say that the run was cancelled');
}
