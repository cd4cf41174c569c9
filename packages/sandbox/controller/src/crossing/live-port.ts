import type { MessagePort } from 'node:worker_threads';

/** The thread's end of a run's live streams. */
export interface LivePort {
  readonly port: MessagePort;
  /**
   * [0]: answers that the main thread has sent. [1]: bytes of output that it has not taken yet. [2]: 1 when nothing reads
   * standard output any more.
   */
  readonly words: Int32Array;
}

/** Indices of {@link LivePort.words}. */
export const ANSWERS = 0;
export const IN_FLIGHT = 1;
export const UNREAD = 2;
export const LIVE_WORDS = 3;

/** What a message takes beside its data, bytes: a million writes of one byte are no megabyte. */
const MESSAGE_COST = 256;
/** What a message counts while it is in flight, bytes. */
export const costOf = (data: Uint8Array): number => data.length + MESSAGE_COST;

/** What the thread tells the main thread. */
export type ToMain =
  | { readonly kind: 'output'; readonly stream: 'stdout' | 'stderr'; readonly data: Uint8Array }
  | { readonly kind: 'input' }
  /** A signal came while it waited for input. */
  | { readonly kind: 'interrupted' }
  /** The guest has closed a stream while it runs. */
  | { readonly kind: 'closed'; readonly stream: 'stdin' | 'stdout' };
