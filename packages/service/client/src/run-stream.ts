import { setTimeout as sleep } from 'node:timers/promises';
import {
  backOff,
  bytesOf,
  encodeBytes,
  fieldsOf,
  LIVE_BOUNDS,
  type LiveInput,
  type LiveResult,
  type LiveServerMessage,
  type RunState,
} from '@sandpiper/contracts';
import { ApiError } from './errors.js';
import { InputBuffer } from './input-buffer.js';
import { RunSocket, type ConnectionEnd } from './run-socket.js';
import type { HttpTransport } from './transport.js';

/** The events of a run, in order, each once. */
export type RunEvent =
  | { readonly type: 'state'; readonly state: RunState['state']; readonly attempt: number }
  | {
      readonly type: 'output';
      readonly stream: 'stdout' | 'stderr';
      readonly data: Buffer;
      /** Cursor from which another stream can resume after this event. */
      readonly cursor: string;
    }
  /** The worker was lost: the program restarts, and its earlier output is void. */
  | { readonly type: 'restart'; readonly attempt: number; readonly cursor: string }
  /** The last event. */
  | { readonly type: 'result'; readonly result: LiveResult; readonly cursor: string };

export interface FollowOptions {
  /** Cursor of an event of another stream: resume after it. */
  readonly from?: string;
  /** False, the default: only follow, and let the program's input end unless another client feeds it. */
  readonly feed?: boolean;
  readonly signal?: AbortSignal;
  /** How long to retry a lost connection before giving up, milliseconds. */
  readonly reconnectMs?: number;
}

interface StreamTarget {
  readonly transport: HttpTransport;
  readonly id: string;
}

const DEFAULT_RECONNECT_MS = 60_000;
const RECONNECT_BACK_OFF = { firstMs: 100, maxMs: 3_000 };

/** Maximum number of unread events; above it reading from the server pauses. */
const MAX_EVENTS = 64;
const FEW_EVENTS = 16;

/** Maximum input held here, bytes; above it writers wait. */
const MAX_INPUT_BYTES = 256 * 1024;

/**
 * Follows and feeds a run while it runs. Survives lost connections: output is neither lost nor repeated, and
 * unconfirmed input is sent again. Iterate over it once; it throws {@link ApiError} when the server refuses,
 * and the last connection error when the server stays away.
 */
export class RunStream implements AsyncIterable<RunEvent> {
  private readonly events: RunEvent[] = [];
  private readonly input = new InputBuffer();
  private sent = 0;
  /** The last input state from the server; null before that, and for a run that takes no input. */
  private told: LiveInput | null = null;
  private known = false;
  private wantsEnd = false;
  private endSent = false;
  private pendingSignals: ('interrupt' | 'cancel')[] = [];

  private socket: RunSocket | null = null;
  /** Whether the server has reported the received input on this connection. */
  private isSynchronized = false;
  private cursor: string | null;
  private over = false;
  private readonly stop = new AbortController();
  private failure: Error | null = null;
  /** Callers that wait for a change. */
  private waiting: (() => void)[] = [];

  constructor(
    private readonly target: StreamTarget,
    private readonly options: FollowOptions,
  ) {
    this.cursor = options.from ?? null;
    const { signal } = options;
    if (signal?.aborted === true) this.fail(signal.reason as Error);
    else {
      const abort = (): void => this.fail(signal?.reason as Error);
      signal?.addEventListener('abort', abort, { signal: this.stop.signal });
      void this.connectOn();
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<RunEvent> {
    try {
      for (;;) {
        const event = this.events.shift();
        if (event !== undefined) {
          if (this.events.length <= FEW_EVENTS) this.socket?.resume();
          yield event;
          if (event.type === 'result') return;
        } else if (this.failure !== null) {
          throw this.failure;
        } else if (this.over) {
          return;
        } else {
          await this.change();
        }
      }
    } finally {
      this.close();
    }
  }

  /** Resolves with true when the program asks for input, with false when it never will. */
  async wanted(): Promise<boolean> {
    while (!this.isOver && this.told?.wanted !== true) {
      if (this.known && this.told === null) return false;
      await this.change();
    }
    return !this.isOver;
  }

  /**
   * Feeds the run. Resolves when there is room for more.
   * @returns false when the input is no longer read: the run or its input has ended
   */
  async write(data: Uint8Array): Promise<boolean> {
    if (this.wantsEnd) throw new Error('the input has ended');
    this.input.add(data);
    this.pump();
    while (!this.isOver && this.input.held > MAX_INPUT_BYTES && this.told?.ended !== true)
      await this.change();
    return !this.isOver && this.told?.ended !== true;
  }

  /** Ends the input. */
  end(): void {
    this.wantsEnd = true;
    this.pump();
  }

  /** Sends Ctrl-C: KeyboardInterrupt in the program. */
  interrupt(): void {
    this.signal('interrupt');
  }

  /** Cancels the run; its result still arrives. */
  cancel(): void {
    this.signal('cancel');
  }

  /** Stops following; the run continues. */
  close(): void {
    this.over = true;
    this.leave();
  }

  private leave(): void {
    this.stop.abort();
    this.socket?.close();
    this.changed();
  }

  private get isOver(): boolean {
    return this.over || this.failure !== null;
  }

  private signal(what: 'interrupt' | 'cancel'): void {
    if (!this.pendingSignals.includes(what)) this.pendingSignals.push(what);
    this.pump();
  }

  private fail(error: Error): void {
    this.failure ??= error;
    this.leave();
  }

  /** Connects, and reconnects after losses, until the run has ended or a retry is useless. */
  private async connectOn(): Promise<void> {
    const { reconnectMs = DEFAULT_RECONNECT_MS } = this.options;
    let lostAt: number | null = null;
    let losses = 0;
    while (!this.isOver) {
      const end = await this.connectOnce();
      if (this.isOver) return;
      if (end.fatal !== null) return this.fail(end.fatal);
      if (end.served) {
        lostAt = null;
        losses = 0;
      }
      lostAt ??= performance.now();
      if (performance.now() - lostAt >= reconnectMs) return this.fail(end.error);
      losses += 1;
      const wait = backOff(losses, RECONNECT_BACK_OFF);
      await sleep(wait, undefined, { signal: this.stop.signal }).catch(() => undefined);
    }
  }

  private connectOnce(): Promise<ConnectionEnd> {
    const { transport, id } = this.target;
    const query = new URLSearchParams({ feed: String(this.options.feed === true) });
    if (this.cursor !== null) query.set('from', this.cursor);
    this.socket = new RunSocket({
      server: transport.server,
      headers: transport.authorization,
      path: `/v1/runs/${encodeURIComponent(id)}/stream?${query.toString()}`,
      onMessage: (message) => this.receive(message),
    });
    this.isSynchronized = false;
    return this.socket.ended;
  }

  private receive(message: LiveServerMessage): void {
    switch (message.type) {
      case 'state':
        this.takeState(message.input);
        this.put({ type: 'state', state: message.state, attempt: message.attempt });
        break;
      case 'output': {
        const data = bytesOf(message, 'data');
        this.cursor = message.cursor;
        this.put({ type: 'output', stream: message.stream, data, cursor: message.cursor });
        break;
      }
      case 'restart':
        this.cursor = message.cursor;
        this.put({ type: 'restart', attempt: message.attempt, cursor: message.cursor });
        break;
      case 'result':
        this.put({ type: 'result', result: message.result, cursor: message.cursor });
        this.over = true;
        this.changed();
        break;
      case 'error':
        // The end of the connection reports it.
        break;
    }
  }

  private put(event: RunEvent): void {
    const last = this.events.at(-1);
    // Of unread states only the latest is kept, so that changes of the input state do not fill the buffer.
    if (event.type === 'state' && last?.type === 'state') this.events.pop();
    this.events.push(event);
    if (this.events.length >= MAX_EVENTS) this.socket?.pause();
    this.changed();
  }

  private takeState(input: LiveInput | null): void {
    const isFirst = !this.known;
    this.known = true;
    this.told = input;
    if (input !== null) {
      if (isFirst) this.input.beginAt(input.received);
      if (!this.input.confirm(input.received)) {
        return this.fail(new ApiError(500, 'input-lost', 'the server has lost input', null, null));
      }
      if (!this.isSynchronized) {
        this.sent = input.received;
        this.endSent = false;
      }
      this.sent = Math.max(this.sent, input.received);
    }
    this.isSynchronized = true;
    this.pump();
    this.changed();
  }

  /** Sends as much input as the server allows. */
  private pump(): void {
    const { socket, told } = this;
    if (socket === null || !socket.isOpen || !this.isSynchronized || this.isOver) return;
    for (const type of this.pendingSignals.splice(0)) socket.send({ type });
    if (told === null || told.ended) return;
    while (this.sent < this.input.end && this.sent < told.upTo) {
      const most = Math.min(LIVE_BOUNDS.chunk, told.upTo - this.sent);
      const data = this.input.at(this.sent, most);
      const bytes = fieldsOf('data', encodeBytes(data, LIVE_BOUNDS.allowance));
      socket.send({ type: 'input', ...bytes, at: this.sent });
      this.sent += data.length;
    }
    if (this.wantsEnd && !this.endSent && this.sent === this.input.end) {
      this.endSent = true;
      socket.send({ type: 'end', at: this.sent });
    }
  }

  private change(): Promise<void> {
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  private changed(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}

/** Feeds a run from a stream, which is read only on demand of the program, and no faster than it reads. */
export async function feedFrom(stream: RunStream, source: AsyncIterable<Uint8Array>): Promise<void> {
  if (!(await stream.wanted())) return;
  for await (const data of source) {
    if (!(await stream.write(data))) return;
  }
  stream.end();
}
