import type { Readable } from 'node:stream';
import { ProgressDeadline } from './progress-deadline.js';

/** The chunks of a body, with a deadline for the sender's progress. */
export async function* steady(body: Readable, stuckMs: number): AsyncGenerator<Buffer> {
  const progress = new ProgressDeadline(stuckMs, () =>
    body.destroy(new Error('the body arrived too slowly')),
  );
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      progress.received(chunk.length);
      progress.pause();
      yield chunk;
      progress.resume();
    }
  } finally {
    progress.pause();
  }
}
