import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { ANSWERS, costOf, IN_FLIGHT, type ToMain, UNREAD } from '../../crossing/live-port.js';

/** The standard streams of a run, followed while it runs. */
export interface LiveStreams {
  onOutput(stream: 'stdout' | 'stderr', data: Uint8Array): void;
  /**
   * The guest waits for input; null is its end. Asked anew when the guest was interrupted meanwhile: what an earlier
   * answer brings is not lost.
   */
  onInput(): Promise<Uint8Array | null>;
  /** A signal came while the guest waited for input. */
  onInterrupted?(): void;
  /** The guest reads, or prints, no more while it runs. */
  onClosed?(stream: 'stdin' | 'stdout'): void;
  /** @param tell called once nothing reads standard output any more */
  whenUnread?(tell: () => void): void;
}

/** Serves a run's streams from the main thread until the port is closed. */
export function serveLiveStreams(
  port: MessagePort,
  words: Int32Array,
  streams: LiveStreams,
): { /** What the thread has sent and was not taken yet. */ takeRest(): void } {
  const take = (message: ToMain): void => {
    if (message.kind === 'input') {
      const answer = (data: Uint8Array | null) => {
        port.postMessage(data);
        Atomics.add(words, ANSWERS, 1);
        Atomics.notify(words, ANSWERS);
      };
      // A source that fails has no more input.
      streams.onInput().then(answer, () => answer(null));
      return;
    }
    if (message.kind === 'interrupted') return streams.onInterrupted?.();
    if (message.kind === 'closed') return streams.onClosed?.(message.stream);
    streams.onOutput(message.stream, message.data);
    Atomics.sub(words, IN_FLIGHT, costOf(message.data));
    Atomics.notify(words, IN_FLIGHT);
  };
  streams.whenUnread?.(() => Atomics.store(words, UNREAD, 1));
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
