import {
  bytesOf,
  encodeBytes,
  fieldsOf,
  formatCursor,
  LIVE_BOUNDS,
  type LiveCursor,
  type LiveServerMessage,
  type RunResult,
} from '@sandpiper/contracts';
import {
  type LiveEntry,
  type LiveHints,
  liveOutputKey,
  type LiveStore,
  type LiveStream,
  type LiveView,
} from '@sandpiper/store';
import { notFound } from '../problems.js';
import type { RedisGate } from '../redis/redis-gate.js';
import type { Replies } from '../http/replies.js';
import type { Waiters } from '../waiters.js';

/** Entries read at once: at most a megabyte of output. */
const READ_AT_ONCE = 16;

/** Poll interval without a hint, seconds: a lost hint costs time, never output. */
const READ_ANYHOW_SECONDS = 10;

/** The wake-up name for followers of a run. */
export const liveFollowersOf = (runId: string): string => `live ${runId}`;

export interface LiveFollowerDeps {
  readonly replies: Replies;
  readonly live: LiveStore;
  readonly hints: LiveHints;
  readonly waiters: Waiters;
  readonly gate: RedisGate;
}

/**
 * Yields the progress of a run, from its state to its result. All output of the final attempt comes before
 * the result; output that the streams no longer hold is taken from the result. Reads only on demand, so a
 * slow client costs no memory. Ends without a result when the signal aborts or the service stops.
 * @param tenant tenant of the client; @param from where an earlier connection stopped
 */
export async function* followLive(
  deps: LiveFollowerDeps,
  id: string,
  tenant: string,
  from: LiveCursor | null,
  signal: AbortSignal,
): AsyncGenerator<LiveServerMessage> {
  const { hints, waiters } = deps;
  const key = liveFollowersOf(id);
  const unfollow = hints.follow(liveOutputKey(id), () => waiters.wake(key));
  try {
    yield* new LiveFollower(deps, id, tenant, from).messages(signal);
  } finally {
    unfollow();
  }
}

class LiveFollower {
  private cursor: LiveCursor;
  /** The state that was reported last. */
  private told = '';

  constructor(
    private readonly deps: LiveFollowerDeps,
    private readonly id: string,
    private readonly tenant: string,
    from: LiveCursor | null,
  ) {
    this.cursor = from ?? { epoch: 0, stdout: 0, stderr: 0 };
  }

  async *messages(signal: AbortSignal): AsyncGenerator<LiveServerMessage> {
    const { waiters } = this.deps;
    for (;;) {
      const view = await this.news(signal);
      if (signal.aborted || waiters.isClosed) return;
      yield* this.stateOf(view);
      for (const entry of view.entries) yield* this.entry(entry, view);
      if (view.state === 'done' && view.entries.length < READ_AT_ONCE) {
        yield* this.end(signal, view);
        return;
      }
    }
  }

  /** Waits for news, with a timeout. */
  private async news(signal: AbortSignal): Promise<LiveView> {
    const { live, gate, waiters } = this.deps;
    const read = () => gate.run(() => live.look(this.id, afterOf(this.cursor), READ_AT_ONCE));
    const isNews = (view: LiveView | null): boolean =>
      view === null || view.entries.length > 0 || view.state === 'done' || factsOf(view) !== this.told;
    const view = await waiters.until(liveFollowersOf(this.id), READ_ANYHOW_SECONDS, signal, read, isNews);
    // The result has expired while the run was followed.
    if (view === null) throw notFound('run');
    return view;
  }

  private *stateOf(view: LiveView): Generator<LiveServerMessage> {
    const facts = factsOf(view);
    if (facts === this.told) return;
    this.told = facts;
    yield { type: 'state', state: view.state, attempt: view.attempt, input: view.input };
  }

  private *entry({ epoch, end, pieces }: LiveEntry, view: LiveView): Generator<LiveServerMessage> {
    yield* this.attempt(epoch, view);
    const bytes = pieces.reduce((sum, { data }) => sum + data.length, 0);
    // A cursor may point into the middle of an entry.
    let skip = this.cursor.stdout + this.cursor.stderr - (end - bytes);
    for (const { stream, data } of pieces) {
      const known = Math.min(Math.max(skip, 0), data.length);
      skip -= known;
      if (known < data.length) yield this.output(stream, data.subarray(known));
    }
  }

  private async *end(signal: AbortSignal, view: LiveView): AsyncGenerator<LiveServerMessage> {
    const whole = await this.deps.replies.whole(this.id, this.tenant, signal);
    if (whole === null) throw notFound('run');
    try {
      const {
        stdout: _o,
        stdoutBase64: _ob,
        stderr: _e,
        stderrBase64: _eb,
        combined,
        combinedBase64,
        outputs: _files,
        ...result
      } = whole.result;
      yield* this.attempt(view.epoch, view);
      if (this.cursor.epoch === view.epoch) {
        const isCombined = combined !== undefined || combinedBase64 !== undefined;
        yield* this.rest('stdout', bytesOf(whole.result, isCombined ? 'combined' : 'stdout'));
        yield* this.rest('stderr', bytesOf(whole.result, 'stderr'));
      }
      const told = result satisfies Partial<RunResult>;
      yield { type: 'result', result: told, cursor: formatCursor(this.cursor) };
    } finally {
      whole.release();
    }
  }

  /** The part of a stream that is in the result and was not sent yet. */
  private *rest(stream: LiveStream, all: Buffer): Generator<LiveServerMessage> {
    for (let at = this.cursor[stream]; at < all.length; at += LIVE_BOUNDS.chunk) {
      yield this.output(stream, all.subarray(at, at + LIVE_BOUNDS.chunk));
    }
  }

  /** The following output belongs to the attempt of that epoch. */
  private *attempt(epoch: number, { attempt }: LiveView): Generator<LiveServerMessage> {
    const before = this.cursor.epoch;
    if (epoch <= before) return;
    this.cursor = { epoch, stdout: 0, stderr: 0 };
    if (before > 0) yield { type: 'restart', attempt, cursor: formatCursor(this.cursor) };
  }

  private output(stream: LiveStream, data: Buffer): LiveServerMessage {
    this.cursor = { ...this.cursor, [stream]: this.cursor[stream] + data.length };
    const bytes = fieldsOf('data', encodeBytes(data, LIVE_BOUNDS.allowance));
    return { type: 'output', stream, ...bytes, cursor: formatCursor(this.cursor) };
  }
}

const afterOf = ({ epoch, stdout, stderr }: LiveCursor): { epoch: number; end: number } => ({
  epoch,
  end: stdout + stderr,
});

const factsOf = ({ state, attempt, input }: LiveView): string => JSON.stringify([state, attempt, input]);
