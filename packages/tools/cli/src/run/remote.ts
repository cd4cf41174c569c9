import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import type { Writable } from 'node:stream';
import type { RunStream, SandpiperClient } from '@sandpiper/client';
import { fileNameSchema, REQUEST_BOUNDS, type RunRequest, type RunResult } from '@sandpiper/contracts';
import { InputError, readBounded } from '@sandpiper/grading/basics';
import { EXIT } from '../exit-codes.js';
import { catchInterrupts } from '../interrupt.js';
import { expectedOutputOf, reportVerdict } from './expected.js';
import { writeOutputs } from './output-files.js';
import { OutputOnce } from './output-once.js';
import { Patience } from '../patience.js';
import {
  buildRequest,
  parseRequest,
  type NamedFile,
  openStdin,
  readAll,
  readFiles,
  report,
  type RunOptions,
} from './input.js';
import { clientOf } from '../service/address.js';
import { limitsOf } from '../limit-options.js';
import { liesIn, openFolder, readFolder } from './folder.js';

/** Options that concern this host and have no meaning on another. */
const LOCAL_ONLY = ['trace', 'transcript', 'cpu', 'pypy', 'lib'] as const;

/**
 * `sandpiper run --server URL`: one program on a node of a service, attached to this terminal. When its
 * worker is lost, the program restarts with the input from the beginning, and output that was already
 * shown is not shown again.
 */
export async function runRemotely(
  server: string,
  program: string,
  args: readonly string[],
  options: RunOptions,
): Promise<number> {
  for (const name of LOCAL_ONLY) {
    if (options[name] !== undefined) throw new InputError(`--${name} does not go with --server`);
  }
  const request = await requestOf(program, args, options);
  const client = clientOf(server);
  const interrupt = catchInterrupts();
  try {
    const { signal } = interrupt;
    request.idempotencyKey = randomUUID();
    const id = await new Patience(signal).retry(() => client.submitRun(request, { signal }));
    const result = await follow(client, id, options, signal);
    const allThere = writeOutputs(result, options.out ?? []);
    await report(result, options.json === true);
    const code = reportVerdict(result);
    return allThere || result.status !== 'ok' ? code : EXIT.failed;
  } catch (error) {
    if (interrupt.signal.aborted) return EXIT.interrupted;
    throw error;
  } finally {
    interrupt.release();
  }
}

async function requestOf(program: string, args: readonly string[], options: RunOptions): Promise<RunRequest> {
  const { entry, files } = await filesOf(program, options);
  const { source: _none, ...base } = buildRequest(args, limitsOf(options), options);
  const outputs = [...new Set((options.out ?? []).map(({ name }) => name))];
  return parseRequest({
    ...base,
    files: files.map(({ path, data }) => ({ name: path, contentBase64: data.toString('base64') })),
    entry,
    ...(options.engine === undefined ? {} : { engine: options.engine }),
    ...(outputs.length === 0 ? {} : { outputs }),
    ...(await expectedOutputOf(options)),
    ...inputOf(options),
  });
}

/** The program, the files beside it and those of the folder that is shown, by their names below the run's folder. */
async function filesOf(
  program: string,
  options: RunOptions,
): Promise<{ entry: string; files: readonly NamedFile[] }> {
  const shown = options.folder === undefined ? null : openFolder(options.folder);
  const base = shown === null || liesIn(process.cwd(), shown.path) ? process.cwd() : shown.path;
  const entry = entryOf(program, base);
  const checked = fileNameSchema.safeParse(entry);
  if (!checked.success) throw new InputError(`${program}: ${checked.error.issues[0]?.message ?? 'is wrong'}`);
  const programBytes = await readBounded(program, REQUEST_BOUNDS.sourceBytes);
  const given = besideEntry(entry, await readFiles(options.file ?? [], REQUEST_BOUNDS.sourceBytes));
  if (given.some(({ path }) => path === entry)) {
    throw new InputError(`--file ${entry}: has the same name as the program`);
  }
  const files = new Map<string, Buffer>();
  if (shown !== null) {
    const below = relative(base, shown.path);
    for (const { path, data } of await readFolder(shown)) files.set(join(below, path), data);
  }
  files.set(entry, programBytes);
  for (const { path, data } of given) files.set(path, data);
  return { entry, files: [...files].map(([path, data]) => ({ path, data })) };
}

/** The path that a local run would show: a program below the folder keeps it in tracebacks and in argv. */
function entryOf(program: string, folder: string): string {
  const path = resolve(program);
  return liesIn(folder, path) ? relative(folder, path) : basename(path);
}

/** In the run's folder, and beside a program that lies deeper. */
function besideEntry(entry: string, given: readonly NamedFile[]): NamedFile[] {
  const folders = [...new Set(['.', dirname(entry)])];
  return folders.flatMap((folder) => given.map(({ path, data }) => ({ path: join(folder, path), data })));
}

/** A run that is deterministic or may be repeated needs all of its input up front; any other is fed while it runs. */
function inputOf(options: RunOptions): Partial<RunRequest> {
  const { deterministic, seed, epoch } = options;
  if (deterministic !== true && (seed !== undefined || epoch !== undefined)) {
    throw new InputError(`--${seed === undefined ? 'epoch' : 'seed'} needs --deterministic`);
  }
  if (isLive(options)) return { live: true };
  const fd = options.stdin === undefined ? 0 : openStdin(options.stdin);
  const input = readAll(fd, deterministic === true ? '--deterministic' : '--retry-unreliable');
  return {
    ...(deterministic === true
      ? {
          deterministic: {
            ...(seed === undefined ? {} : { seed }),
            ...(epoch === undefined ? {} : { epoch }),
          },
        }
      : {}),
    stdinBase64: input.data.toString('base64'),
  };
}

const isLive = ({ deterministic, retryUnreliable = 0 }: RunOptions): boolean =>
  deterministic !== true && retryUnreliable === 0;

/**
 * Passes the run's streams through until it ends. The first Ctrl-C cancels it, and so does a closed output
 * pipe.
 */
async function follow(
  client: SandpiperClient,
  id: string,
  options: RunOptions,
  interrupted: AbortSignal,
): Promise<RunResult> {
  const stream = isLive(options) ? client.feedRun(id, sourceOf(options)) : client.followRun(id);
  const cancel = (): void => stream.cancel();
  interrupted.addEventListener('abort', cancel);
  if (interrupted.aborted) cancel();
  try {
    await passThrough(stream, options.json === true);
  } catch (error) {
    // Without a reader the run has no purpose.
    await client.cancelRun(id).catch(() => undefined);
    throw error;
  } finally {
    interrupted.removeEventListener('abort', cancel);
  }
  // The result of the stream leaves out the output, which was shown already, and the files.
  return client.waitRun(id);
}

/** Standard input, or a file in its place. A folder or a missing file fails before the run is sent. */
function sourceOf(options: RunOptions): AsyncIterable<Uint8Array> {
  if (options.stdin === undefined) return process.stdin;
  return createReadStream('', { fd: openStdin(options.stdin) });
}

async function passThrough(stream: RunStream, capture: boolean): Promise<void> {
  const said = { stdout: new OutputOnce(), stderr: new OutputOnce() };
  for await (const event of stream) {
    if (event.type === 'restart') {
      process.stderr.write('sandpiper: the worker was lost; restarting the program\n');
      for (const output of Object.values(said)) output.restart();
    } else if (event.type === 'output' && !capture) {
      const { fresh, differs } = said[event.stream].take(event.data);
      if (differs)
        process.stderr.write(
          `sandpiper: ${event.stream} differs from the previous attempt from this point\n`,
        );
      await write(process[event.stream], fresh);
    }
  }
}

async function write(to: Writable, data: Buffer): Promise<void> {
  if (to.writable && !to.write(data)) await once(to, 'drain');
}
