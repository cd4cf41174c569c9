import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { backOff } from '@sandpiper/contracts';
import { ApiError, ConnectionError } from './errors.js';

/** How often a submission of unknown outcome is sent before the error is thrown, and the delays in between. */
const SUBMIT_TRIES = 4;
const SUBMIT_BACK_OFF = { firstMs: 500, maxMs: 2_000 };

/** A key in the body works like one in the header. */
export const keyHeader = (own: string | undefined): Record<string, string> =>
  own === undefined ? { 'Idempotency-Key': randomUUID() } : {};

/** Whether the outcome is unknown: the connection broke, or the server's store did not answer. */
const isUnknown = (error: unknown): boolean =>
  (error instanceof ConnectionError && error.mayHaveArrived) ||
  (error instanceof ApiError && error.code === 'unknown-outcome');

/** Retries a submission with its idempotency key while the outcome is unknown. */
export async function untilKnown<T>(send: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await send();
    } catch (error) {
      if (!isUnknown(error) || tries >= SUBMIT_TRIES) throw error;
    }
    await pause(backOff(tries, SUBMIT_BACK_OFF), signal);
  }
}

/** Rejects with the signal's reason. */
export async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await sleep(ms, undefined, signal === undefined ? {} : { signal }).catch(() => signal?.throwIfAborted());
}
