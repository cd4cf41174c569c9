import { randomUUID } from 'node:crypto';
import { type EndedRun, type RunRequest, type RunState, toError } from '@sandpiper/contracts';
import { type MapInput, runOfInput } from './inputs.js';

/** The part of a client that mapping uses. */
export interface MapService {
  streamBatch(
    runs: Iterable<RunRequest>,
    options: { readonly idempotencyKey: string; readonly signal: AbortSignal },
  ): Promise<string>;
  followBatch(id: string, options: { readonly signal: AbortSignal }): AsyncIterable<EndedRun>;
  cancelBatch(id: string): Promise<unknown>;
}

export interface MapJob {
  readonly base: RunRequest;
  readonly groups: AsyncIterable<readonly MapInput[]>;
  readonly asRequests: boolean;
  /** Batches in flight at the same time. */
  readonly inFlight: number;
  readonly signal: AbortSignal;
  /** Called for every run, in the order in which they end. */
  readonly onEnded: (run: RunState) => void;
}

/**
 * Runs the program over all inputs, a few batches at a time, and yields results in the order of the inputs.
 * On abort or failure it cancels the batches in flight.
 */
export async function* mapInputs(
  service: MapService,
  job: MapJob,
): AsyncGenerator<{ readonly index: number; readonly run: RunState }> {
  const stop = new AbortController();
  // oxlint-disable-next-line sandpiper/no-long-lived-race -- the signal of one command, which is all that this process does
  const signal = AbortSignal.any([stop.signal, job.signal]);
  const running: Group[] = [];
  const groups = job.groups[Symbol.asyncIterator]();
  let more = true;
  try {
    for (;;) {
      while (more && running.length < job.inFlight) {
        const next = await groups.next();
        if (next.done === true) more = false;
        else running.push(new Group(service, job, next.value, signal));
      }
      const first = running[0];
      if (first === undefined) return;
      yield* first.inOrder();
      running.shift();
    }
  } finally {
    stop.abort();
    await Promise.all(running.map((group) => group.cancel()));
    await groups.return?.();
  }
}

/** The inputs of one batch and their results. */
class Group {
  private readonly ended = new Map<number, RunState>();
  private id: string | null = null;
  private wake: () => void = () => undefined;
  private failure: Error | null = null;
  private readonly working: Promise<void>;

  constructor(
    private readonly service: MapService,
    private readonly job: MapJob,
    private readonly inputs: readonly MapInput[],
    private readonly signal: AbortSignal,
  ) {
    this.working = this.work().catch((error: unknown) => {
      this.failure = toError(error);
      this.wake();
    });
  }

  /** Yields its runs in the order of the inputs, each once it and all before it have ended. */
  async *inOrder(): AsyncGenerator<{ readonly index: number; readonly run: RunState }> {
    for (const [place, { index }] of this.inputs.entries()) {
      yield { index, run: await this.wait(place) };
      this.ended.delete(place);
    }
  }

  /** Cancels the batch. */
  async cancel(): Promise<void> {
    await this.working;
    if (this.id !== null) await this.service.cancelBatch(this.id).catch(() => undefined);
  }

  private async wait(place: number): Promise<RunState> {
    for (;;) {
      const run = this.ended.get(place);
      if (run !== undefined) return run;
      if (this.failure !== null) throw this.failure;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  private async work(): Promise<void> {
    const { service, job, signal } = this;
    const runs = this.inputs.map((input) => runOfInput(job.base, input, job.asRequests));
    const idempotencyKey = randomUUID();
    this.id = await service.streamBatch(runs, { idempotencyKey, signal });
    for await (const { index, run } of service.followBatch(this.id, { signal })) {
      this.ended.set(index, run);
      job.onEnded(run);
      this.wake();
    }
  }
}
