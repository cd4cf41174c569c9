import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { InputStream, OutputStream } from '@sandpiper/kernel';
import { CaptureOutput } from './streams.js';

/** The standard streams of a run, followed while it runs. */
export interface LiveStreams {
  onOutput(stream: 'stdout' | 'stderr', data: Uint8Array): void;
  /**
   * The guest waits for input; null is its end. Asked again after an interrupt: the answer to the earlier
   * question is not lost.
   */
  onInput(): Promise<Uint8Array | null>;
}

/** The thread's end of them. */
export interface LivePort {
  readonly port: MessagePort;
  /** [0]: answers that the main thread has sent. [1]: bytes of output that it has not taken yet. */
  readonly words: Int32Array;
}

const ANSWERS = 0;
const IN_FLIGHT = 1;
/** Output in transit before the guest has to wait for its consumer, bytes. */
const MAX_IN_FLIGHT = 1024 * 1024;
/** The cost of a message beside its data, bytes: a million one-byte writes take far more than 1 MB. */
const MESSAGE_COST = 256;
const costOf = (data: Uint8Array): number => data.length + MESSAGE_COST;

/** Milliseconds between two checks of whether the guest must stop waiting. */
const SLICE_MS = 10;

type ToMain =
  | { readonly kind: 'output'; readonly stream: 'stdout' | 'stderr'; readonly data: Uint8Array }
  | { readonly kind: 'input' };

/** Serves a run's streams from the main thread until the port is closed. */
export function serveLiveStreams(
  port: MessagePort,
  words: Int32Array,
  streams: LiveStreams,
): { /** Delivers what the thread has sent and was not taken yet. */ takeRest(): void } {
  const take = (message: ToMain): void => {
    if (message.kind === 'input') {
      const answer = (data: Uint8Array | null) => {
        port.postMessage(data);
        Atomics.add(words, ANSWERS, 1);
        Atomics.notify(words, ANSWERS);
      };
      // A source that fails has ended.
      streams.onInput().then(answer, () => answer(null));
      return;
    }
    streams.onOutput(message.stream, message.data);
    Atomics.sub(words, IN_FLIGHT, costOf(message.data));
    Atomics.notify(words, IN_FLIGHT);
  };
  port.on('message', take);
  const takeRest = (): void => {
    for (;;) {
      const received = receiveMessageOnPort(port);
      if (received === undefined) return;
      const message = received.message as ToMain;
      if (message.kind === 'output') take(message);
    }
  };
  return { takeRest };
}

export class LiveInput implements InputStream {
  #left = Buffer.alloc(0);
  #ended = false;

  constructor(
    private readonly live: LivePort,
    /** A signal is pending for the guest, or the guest must end. */
    private readonly mustStop: () => boolean,
  ) {}

  read(max: number): Buffer | null {
    if (this.#left.length === 0 && !this.#ended && !this.#wait()) return null;
    const piece = this.#left.subarray(0, max);
    this.#left = this.#left.subarray(piece.length);
    return piece;
  }

  /** False when a signal came first. */
  #wait(): boolean {
    const { port, words } = this.live;
    port.postMessage({ kind: 'input' } satisfies ToMain);
    for (;;) {
      const seen = Atomics.load(words, ANSWERS);
      const received = receiveMessageOnPort(port);
      if (received !== undefined) {
        const data = received.message as Uint8Array | null;
        if (data === null) this.#ended = true;
        else this.#left = Buffer.from(data);
        if (this.#ended || this.#left.length > 0) return true;
      } else if (this.mustStop()) {
        return false;
      } else {
        Atomics.wait(words, ANSWERS, seen, SLICE_MS);
      }
    }
  }
}

export class LiveOutput implements OutputStream {
  constructor(
    private readonly stream: 'stdout' | 'stderr',
    private readonly live: LivePort,
    private readonly mustStop: () => boolean,
  ) {}

  write(data: Buffer): number {
    const { port, words } = this.live;
    for (let flying = Atomics.load(words, IN_FLIGHT); flying > MAX_IN_FLIGHT; ) {
      if (this.mustStop()) break;
      Atomics.wait(words, IN_FLIGHT, flying, SLICE_MS);
      flying = Atomics.load(words, IN_FLIGHT);
    }
    Atomics.add(words, IN_FLIGHT, costOf(data));
    port.postMessage({ kind: 'output', stream: this.stream, data: Uint8Array.from(data) } satisfies ToMain);
    return data.length;
  }
}

/** Delivered as it comes, and kept for the result. */
export class CapturedLiveOutput extends CaptureOutput {
  constructor(private readonly live: LiveOutput) {
    super();
  }

  override write(data: Buffer): number {
    super.write(data);
    return this.live.write(data);
  }
}
