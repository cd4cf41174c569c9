import type { Readable } from 'node:stream';
import type { ByteReservation } from '../http/byte-budget.js';
import { CutOffProblem, ApiProblem } from '../problems.js';
import { noRoom } from './bodies.js';
import { type LimitCeilings, parseLine, type PreparedRun, runOf } from './prepared.js';
import { type ParserPool, THREAD_BYTES } from './parser-pool.js';
import { steady } from './steady.js';

export interface NdjsonBounds {
  /** Longest line, bytes. */
  readonly line: number;
  /** Largest body, bytes. */
  readonly all: number;
  /** A sender must make progress within this time, milliseconds. */
  readonly stuckMs: number;
}

/** Memory held for an NDJSON batch: the runs of one step. A longer line takes more while it is processed. */
export const NDJSON_BYTES = 4 * 1024 * 1024;

const NEWLINE = 0x0a;

/**
 * The runs of a body with one JSON object per line, checked as they arrive. @throws ApiProblem that names the
 * run
 */
export async function* runsOfNdjson(
  body: Readable,
  bounds: NdjsonBounds,
  lease: ByteReservation,
  pool: ParserPool,
  ceilings: LimitCeilings,
): AsyncGenerator<PreparedRun> {
  let index = 0;
  try {
    for await (const line of linesOf(body, bounds, lease, () => index)) {
      if (isBlank(line)) continue;
      // Long lines are parsed off the event loop; short ones a few at a time.
      if (line.length >= THREAD_BYTES) yield await pool.line(line, index);
      else yield runOf(parseLine(line, index), ceilings, ['runs', index]);
      index += 1;
    }
  } catch (error) {
    if (error instanceof ApiProblem) throw error;
    throw new CutOffProblem();
  } finally {
    body.resume();
  }
}

/** Each line in its own buffer. Works on bytes: growing text would be scanned again with each chunk. */
async function* linesOf(
  body: Readable,
  bounds: NdjsonBounds,
  lease: ByteReservation,
  index: () => number,
): AsyncGenerator<Buffer> {
  let pieces: Buffer[] = [];
  let held = 0;
  let extra = 0;
  let seen = 0;
  const hold = (piece: Buffer): void => {
    if (held + piece.length > bounds.line) {
      throw new ApiProblem('body-too-large', 'a line is longer than this server accepts', {
        path: `runs.${index()}`,
      });
    }
    // The chunk, and the line assembled from the chunks.
    const wanted = Math.max(0, 2 * (held + piece.length) - NDJSON_BYTES);
    if (wanted > extra) {
      if (!lease.grow(wanted - extra)) throw noRoom();
      extra = wanted;
    }
    pieces.push(piece);
    held += piece.length;
  };
  const take = (): Buffer => {
    const line = Buffer.allocUnsafeSlow(held);
    let at = 0;
    for (const piece of pieces) at += piece.copy(line, at);
    pieces = [];
    held = 0;
    return line;
  };
  for await (const chunk of steady(body, bounds.stuckMs)) {
    seen += chunk.length;
    if (seen > bounds.all)
      throw new ApiProblem('body-too-large', 'the body is larger than this server accepts');
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, from)) {
      hold(chunk.subarray(from, end));
      from = end + 1;
      yield take();
      // The line was written, or belongs to the current step.
      lease.shrink(extra);
      extra = 0;
    }
    if (from < chunk.length) hold(chunk.subarray(from));
  }
  if (held > 0) yield take();
}

const isBlank = (line: Buffer): boolean => line.length < THREAD_BYTES && line.toString().trim() === '';
