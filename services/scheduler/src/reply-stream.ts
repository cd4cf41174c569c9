import { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import type { ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';

/** A client that takes nothing for so long is let go, milliseconds. What it has not read is still there. */
const STUCK_MS = 60_000;

/**
 * One that takes less than this, bytes a millisecond, is let go too: what it is sent is memory of ours
 * meanwhile.
 */
const SLOWEST = 64;

const MAX_LISTENERS = 30;

/** Part of an answer that goes out before the next is made. */
export interface Piece {
  readonly parts: readonly (string | Buffer)[];
  /** What it weighs, bytes. */
  readonly bytes: number;
  /** Called when the system has taken it for the client, or the client has left. */
  release?(): void;
}

/** A piece of text. */
export const textPiece = (text: string): Piece => ({ parts: [text], bytes: text.length });

/** Many small parts become one: each costs a turn of the event loop on its way out. */
export function joined(parts: readonly (string | Buffer)[]): (string | Buffer)[] {
  if (parts.length <= 5) return [...parts];
  return [Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)))];
}

/**
 * Answers with pieces, each made when the client has taken the one before. An error in the first one is the
 * answer.
 */
export async function sendPieces(
  reply: FastifyReply,
  type: string,
  pieces: AsyncGenerator<Piece>,
): Promise<FastifyReply> {
  const first = await pieces.next();
  const { raw } = reply;
  // Whoever has a part in a stream hears of its end: more than the ten that Node takes for a leak.
  raw.setMaxListeners(MAX_LISTENERS);
  // Nobody reads the body of a client that has left already, so nothing else would end it.
  const end = (): void => {
    if (first.done !== true) first.value.release?.();
    pieces.return(undefined).catch(() => undefined);
  };
  raw.once('close', end);
  if (raw.destroyed) end();
  const body = Readable.from(taken(raw, first, pieces), {
    objectMode: false,
    highWaterMark: 64 * 1024,
  });
  raw.setTimeout(STUCK_MS, () => raw.destroy());
  return reply.type(type).header('Cache-Control', 'no-store').header('X-Accel-Buffering', 'no').send(body);
}

async function* taken(
  raw: ServerResponse,
  first: IteratorResult<Piece, unknown>,
  rest: AsyncGenerator<Piece>,
): AsyncGenerator<string | Buffer> {
  try {
    for (let next = first; next.done !== true; next = await rest.next()) {
      const { value: piece } = next;
      try {
        yield* piece.parts;
        await drained(raw, piece.bytes);
      } finally {
        piece.release?.();
      }
    }
  } finally {
    await rest.return(undefined);
  }
}

/** What was given to the response last has been taken by the system, or nobody will. */
async function drained(raw: ServerResponse, bytes: number): Promise<void> {
  // A stream asks for more before it hands on what it has.
  await turn();
  if (raw.destroyed || !raw.writableNeedDrain || raw.socket?.writableNeedDrain === false) return;
  const { socket } = raw;
  await new Promise<void>((resolve) => {
    const late = setTimeout(() => raw.destroy(), STUCK_MS + bytes / SLOWEST);
    const done = (): void => {
      clearTimeout(late);
      raw.off('drain', done);
      socket?.off('drain', done);
      raw.off('close', done);
      resolve();
    };
    raw.once('drain', done);
    socket?.once('drain', done);
    raw.once('close', done);
  });
}
