import { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import type { ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';

/** A client that reads nothing for this long is disconnected, milliseconds. It can fetch the rest later. */
const STUCK_MS = 60_000;

/**
 * Minimum reading speed, bytes per millisecond; a slower client is disconnected, because its answer occupies
 * our memory.
 */
const SLOWEST = 64;

const MAX_LISTENERS = 30;

/** A part of an answer; it is sent before the next one is made. */
export interface Piece {
  readonly parts: readonly (string | Buffer)[];
  /** Its size, bytes. */
  readonly bytes: number;
  /** Called when the operating system has taken it, or the client has left. */
  release?(): void;
}

/** A piece made of text. */
export const textPiece = (text: string): Piece => ({ parts: [text], bytes: text.length });

/** Merges small parts: each part costs a turn of the event loop. */
export function joined(parts: readonly (string | Buffer)[]): (string | Buffer)[] {
  if (parts.length <= 5) return [...parts];
  return [Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)))];
}

/**
 * Answers with pieces; each is made when the client has read the one before. An error in the first piece
 * becomes the answer.
 */
export async function sendPieces(
  reply: FastifyReply,
  type: string,
  pieces: AsyncGenerator<Piece>,
): Promise<FastifyReply> {
  const first = await pieces.next();
  const { raw } = reply;
  // More listeners than the ten that Node regards as a leak: every stage of the stream listens for its end.
  raw.setMaxListeners(MAX_LISTENERS);
  // If the client has left already, nothing reads the stream, so nothing else would end it.
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

/** The operating system has taken the last write, or the client has left. */
async function drained(raw: ServerResponse, bytes: number): Promise<void> {
  // A stream asks for more before it passes on its buffer.
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
