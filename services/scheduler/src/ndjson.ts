import { pipeline, type Readable, Transform, type TransformCallback } from 'node:stream';
import { runRequestSchema, type RunRequest } from '@sandpiper/contracts';
import { parse as parseJson } from 'secure-json-parse';
import split2 from 'split2';
import { Problem } from './problems.js';
import { toProblem } from './validation.js';

export interface NdjsonBounds {
  /** Of one line, bytes. */
  readonly line: number;
  /** Of all of it, bytes. */
  readonly all: number;
}

/** The client went away; it may come again with the same. */
export class CutOffProblem extends Problem {
  constructor() {
    super('bad-request', 'the body ended in the middle; nothing was accepted');
  }
}

/** Runs of a body of one JSON object a line, checked one by one as they come. @throws Problem that names the run */
export async function* runsOfNdjson(body: Readable, bounds: NdjsonBounds): AsyncGenerator<RunRequest> {
  const lines = split2({ maxLength: bounds.line });
  // Errors of any part come out of the last one, which is read here.
  pipeline(body, limitBytes(bounds.all), lines, () => undefined);
  let index = 0;
  try {
    for await (const line of lines as AsyncIterable<string>) {
      // split2 bounds what it holds back; a line that comes in one piece it does not measure.
      if (Buffer.byteLength(line) > bounds.line) throw tooLong(index);
      if (line.trim() === '') continue;
      yield parseRun(line, index);
      index += 1;
    }
  } catch (error) {
    if (error instanceof Problem) throw error;
    if ((error as Error).message === 'maximum buffer reached') {
      throw new Problem('body-too-large', 'a line is longer than this server takes', {
        path: `runs.${index}`,
      });
    }
    throw new CutOffProblem();
  } finally {
    body.resume();
  }
}

const tooLong = (index: number): Problem =>
  new Problem('body-too-large', 'a line is longer than this server takes', { path: `runs.${index}` });

function parseRun(line: string, index: number): RunRequest {
  let value: unknown;
  try {
    value = parseJson(line);
  } catch {
    throw new Problem('invalid-request', 'is not one JSON object on one line', { path: `runs.${index}` });
  }
  const parsed = runRequestSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw toProblem(parsed.error.issues[0], 'body', ['runs', index]);
}

function limitBytes(most: number): Transform {
  let seen = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done: TransformCallback) {
      seen += chunk.length;
      if (seen > most) done(new Problem('body-too-large', 'the body is larger than this server takes'));
      else done(null, chunk);
    },
  });
}
