import {
  type LiveClientMessage,
  liveClientMessageSchema,
  type LiveServerMessage,
} from '@sandpiper/contracts';
import { parse as parseJson } from 'secure-json-parse';
import type { WebSocket } from 'ws';
import type { ByteReservation } from '../http/byte-budget.js';
import { noRoom } from '../bodies/bodies.js';
import { ApiProblem } from '../problems.js';
import { toProblem } from '../validation.js';

/** Close codes (RFC 6455, section 7.4.1, and the IANA registry of close codes). */
export const CLOSE = {
  done: 1000,
  goingAway: 1001,
  policy: 1008,
  internal: 1011,
  tryAgain: 1013,
} as const;

/** Interval of keep-alives, milliseconds. */
const PING_MS = 10_000;

/** A client that neither answers nor reads for this long is disconnected. It can resume from its cursor. */
const STUCK_MS = 60_000;

/** Unprocessed messages of a client; above this number reading pauses. */
const MAX_WAITING = 8;

export interface LiveSocketOptions {
  readonly onMessage: (message: LiveClientMessage) => Promise<void>;
  /** Reserves the bytes of a message until it is sent. @returns null when too many are in flight */
  readonly leaseFor: (bytes: number) => ByteReservation | null;
  /** Called at the beginning and with each keep-alive. */
  readonly onPing: () => void;
  /** Turns an error into what the client is told. */
  readonly explain: (error: unknown) => ApiProblem;
  readonly stuckMs?: number;
}

/**
 * One connection that follows a run: sending waits for the client, incoming messages are handled in order,
 * and a client that is silent for too long is disconnected. Its memory is bounded whatever the client does.
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
    // ws itself closes the connection after a broken frame.
    socket.on('error', () => undefined);
    this.timer = setInterval(() => this.ping(), Math.min(PING_MS, this.stuckMs));
    options.onPing();
  }

  /** Aborts when the client has left or was disconnected. */
  get signal(): AbortSignal {
    return this.gone.signal;
  }

  /** Resolves when the operating system has taken the message: a slow client slows down the sender. */
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

  /**
   * A client that does not close its side is cut off by ws after 30 seconds; meanwhile it may be reading what the two
   * operating systems hold for it, some 10 MiB.
   * @param reason at most 123 bytes, the room in a close frame
   */
  close(code: number, reason: string): void {
    this.socket.close(code, reason.slice(0, 120));
  }

  /** Reports the error to the client and closes. */
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
    // The client reads, though slowly.
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

  /** Never rejects. After the first wrong message no further one is handled. */
  private async take(data: Buffer, isBinary: boolean): Promise<void> {
    if (this.gone.signal.aborted || this.socket.readyState !== this.socket.OPEN) return;
    try {
      await this.options.onMessage(parse(data, isBinary));
    } catch (error) {
      await this.fail(error);
    }
  }
}

/** @throws ApiProblem that names the error */
function parse(data: Buffer, isBinary: boolean): LiveClientMessage {
  if (isBinary) throw new ApiProblem('invalid-request', 'send JSON as text, bytes as dataBase64');
  let value: unknown;
  try {
    value = parseJson(data.toString('utf8'));
  } catch {
    throw new ApiProblem('invalid-request', 'the message is not JSON');
  }
  const parsed = liveClientMessageSchema.safeParse(value);
  if (!parsed.success) throw toProblem(parsed.error.issues[0], 'message');
  return parsed.data;
}

function closeCodeOf({ code }: ApiProblem): number {
  if (code === 'store-unavailable' || code === 'unknown-outcome' || code === 'too-much-in-flight') {
    return CLOSE.tryAgain;
  }
  if (code === 'internal-error') return CLOSE.internal;
  return CLOSE.policy;
}
