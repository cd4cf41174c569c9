import {
  type LiveClientMessage,
  liveClientMessageSchema,
  type LiveServerMessage,
} from '@sandpiper/contracts';
import { parse as parseJson } from 'secure-json-parse';
import type { WebSocket } from 'ws';
import type { Lease } from './byte-budget.js';
import { noRoom } from './bodies/bodies.js';
import { Problem } from './problems.js';
import { toProblem } from './validation.js';

/** Close codes (RFC 6455, section 7.4.1, and the IANA registry of close codes). */
export const CLOSE = {
  done: 1000,
  goingAway: 1001,
  policy: 1008,
  internal: 1011,
  tryAgain: 1013,
} as const;

/** A sign of life is sent this often, milliseconds. */
const PING_MS = 10_000;

/** A client that answers nothing and takes nothing for so long is let go. It can go on from its cursor. */
const STUCK_MS = 60_000;

/** A client that does not answer the end of the connection is cut off after this time, milliseconds. */
const CLOSE_MS = 5_000;

/** Messages of a client that may wait to be looked at; then it is not read from. */
const MAX_WAITING = 8;

export interface LiveSocketOptions {
  readonly onMessage: (message: LiveClientMessage) => Promise<void>;
  /** Counts the bytes of a message until it has been taken. @returns null when too many are in flight */
  readonly leaseFor: (bytes: number) => Lease | null;
  /** Called at the beginning and with each sign of life. */
  readonly onPing: () => void;
  /** What the client is told of an error. */
  readonly explain: (error: unknown) => Problem;
  readonly stuckMs?: number;
}

/**
 * One connection that follows a run: what is sent waits for the client, what comes is taken in turn, and
 * whoever is silent for too long is let go. Nothing about it grows with what the other side does or does not
 * do.
 */
export class LiveSocket {
  private readonly gone = new AbortController();
  private readonly timer: NodeJS.Timeout;
  private aliveAt = performance.now();
  private lastBuffered = 0;
  private taking: Promise<void> = Promise.resolve();
  private waiting = 0;

  constructor(
    private readonly socket: WebSocket,
    private readonly options: LiveSocketOptions,
  ) {
    socket.on('message', (data, isBinary) => this.receive(data as Buffer, isBinary));
    socket.on('pong', () => this.alive());
    socket.on('close', () => this.left());
    // What ws says of a broken frame it has answered itself, by closing.
    socket.on('error', () => undefined);
    this.timer = setInterval(() => this.ping(), Math.min(PING_MS, this.stuckMs));
    options.onPing();
  }

  /** Aborts when the client has gone, or was let go. */
  get signal(): AbortSignal {
    return this.gone.signal;
  }

  /** Resolves when the system has taken it for the client: a slow one slows down whoever sends. */
  send(message: LiveServerMessage): Promise<void> {
    return new Promise((resolve) => {
      if (this.gone.signal.aborted) return resolve();
      const done = (): void => {
        this.gone.signal.removeEventListener('abort', done);
        resolve();
      };
      this.gone.signal.addEventListener('abort', done);
      this.socket.send(JSON.stringify(message), () => {
        this.alive();
        done();
      });
    });
  }

  /** @param reason of at most 123 bytes, as a close frame has room for */
  close(code: number, reason: string): void {
    this.socket.close(code, reason.slice(0, 120));
    setTimeout(() => this.socket.terminate(), CLOSE_MS).unref();
  }

  /** Tells what went wrong, and closes. */
  async fail(error: unknown): Promise<void> {
    const problem = this.options.explain(error);
    const { code, message } = problem;
    await this.send({ type: 'error', code, message });
    this.close(closeCodeOf(problem), code);
  }

  private get stuckMs(): number {
    return this.options.stuckMs ?? STUCK_MS;
  }

  private alive(): void {
    this.aliveAt = performance.now();
  }

  private ping(): void {
    const { bufferedAmount } = this.socket;
    // It takes what we send, if slowly.
    if (bufferedAmount < this.lastBuffered) this.alive();
    this.lastBuffered = bufferedAmount;
    if (performance.now() - this.aliveAt > this.stuckMs) {
      this.socket.terminate();
      return;
    }
    this.socket.ping();
    this.options.onPing();
  }

  private left(): void {
    clearInterval(this.timer);
    this.gone.abort();
  }

  private receive(data: Buffer, isBinary: boolean): void {
    this.alive();
    const lease = this.options.leaseFor(data.length);
    if (lease === null) return void this.fail(noRoom());
    this.waiting += 1;
    if (this.waiting >= MAX_WAITING) this.socket.pause();
    this.taking = this.taking
      .then(() => this.take(data, isBinary))
      .finally(() => {
        lease.release();
        this.waiting -= 1;
        if (this.waiting < MAX_WAITING) this.socket.resume();
      });
  }

  /** Never rejects. Nothing is taken after the first message that was wrong. */
  private async take(data: Buffer, isBinary: boolean): Promise<void> {
    if (this.gone.signal.aborted || this.socket.readyState !== this.socket.OPEN) return;
    try {
      await this.options.onMessage(parse(data, isBinary));
    } catch (error) {
      await this.fail(error);
    }
  }
}

/** @throws Problem that says what is wrong with it */
function parse(data: Buffer, isBinary: boolean): LiveClientMessage {
  if (isBinary) throw new Problem('invalid-request', 'send JSON as text, bytes as dataBase64');
  let value: unknown;
  try {
    value = parseJson(data.toString('utf8'));
  } catch {
    throw new Problem('invalid-request', 'a message is not JSON');
  }
  const parsed = liveClientMessageSchema.safeParse(value);
  if (!parsed.success) throw toProblem(parsed.error.issues[0], 'message');
  return parsed.data;
}

function closeCodeOf({ code }: Problem): number {
  if (code === 'store-unavailable' || code === 'unknown-outcome' || code === 'too-much-in-flight') {
    return CLOSE.tryAgain;
  }
  if (code === 'internal-error') return CLOSE.internal;
  return CLOSE.policy;
}
