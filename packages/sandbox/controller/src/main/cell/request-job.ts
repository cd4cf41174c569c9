import { posix } from 'node:path';
import {
  type AdmittedInteractor,
  type AdmittedRequest,
  DEFAULT_EPOCH_S,
  DEFAULT_SEED,
  decodeBytes,
  RUN_FOLDER,
} from '@sandpiper/contracts';
import { RunRefusedError } from '../../crossing/refused.js';
import type { Interpreter, TranslatedInterpreter } from '../../crossing/engines.js';
import type { Determinism, GuestFile, GuestJob } from '../../crossing/job.js';
import type { Runtime } from '../../crossing/runtime.js';

/** What the runs of a cell may ask for. */
export interface Interpreters {
  /** The translated one, if there is one. */
  readonly rpython: TranslatedInterpreter | null;
  /** The first is that of a run that names none. */
  readonly runtimes: readonly Runtime[];
}

/** A run as the API gives it. */
export interface RequestedRun {
  readonly id: string;
  readonly request: AdmittedRequest;
  readonly attempt: number;
}

/**
 * The job for a request of the API.
 * @param live a client feeds and follows its streams
 */
export function jobOfRequest(run: RequestedRun, interpreters: Interpreters, live: boolean): GuestJob {
  const { request } = run;
  const entry = request.entry ?? 'main.py';
  const files: GuestFile[] = (request.files ?? []).map((file) => ({
    path: posix.resolve(RUN_FOLDER, file.name),
    data: decodeBytes(file.content, file.contentBase64),
  }));
  if (request.source !== undefined) {
    files.push({ path: posix.join(RUN_FOLDER, entry), data: Buffer.from(request.source) });
  }
  return {
    id: run.id,
    attempt: run.attempt,
    interpreter: interpreterOf(request, interpreters),
    programPath: entry,
    args: request.args ?? [],
    env: request.env ?? {},
    folder: RUN_FOLDER,
    files,
    mounts: [],
    stdin: live
      ? { kind: 'live' }
      : { kind: 'buffer', data: decodeBytes(request.stdin, request.stdinBase64) },
    output: live ? 'live-capture' : 'capture',
    ...(request.combined === true ? { combined: true } : {}),
    tracePath: null,
    deterministic: determinismOf(request),
    outputs: request.outputs ?? [],
    limits: request.limits,
    ...(request.accept === undefined ? {} : { accept: request.accept }),
  };
}

/** The jobs of a run with an interactor: of its own program, and of the second one. */
export function jobsOfConversation(
  run: RequestedRun,
  interactor: AdmittedInteractor,
  interpreters: Interpreters,
): { program: GuestJob; interactor: GuestJob } {
  return {
    program: jobOfRequest(run, interpreters, true),
    interactor: jobOfRequest({ ...run, request: interactor }, interpreters, true),
  };
}

function determinismOf({ deterministic }: AdmittedRequest): Determinism | null {
  if (deterministic === undefined) return null;
  const { seed = DEFAULT_SEED, epoch = DEFAULT_EPOCH_S } = deterministic;
  return { seed, epochMs: epoch * 1000, transcriptPath: null };
}

function interpreterOf(
  { engine = 'seccomp', runtime: name }: Pick<AdmittedRequest, 'engine' | 'runtime'>,
  { rpython, runtimes }: Interpreters,
): Interpreter {
  if (engine === 'seccomp') {
    const runtime = name === undefined ? runtimes[0] : runtimes.find((one) => one.name === name);
    if (runtime !== undefined) return { engine, runtime };
    throw new RunRefusedError(`this node has no runtime ${JSON.stringify(name)}`);
  }
  if (rpython === null) throw new RunRefusedError('this node has no interpreter for the engine rpython');
  return rpython;
}
