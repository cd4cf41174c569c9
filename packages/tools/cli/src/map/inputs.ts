import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { REQUEST_BOUNDS, runRequestSchema, type RunRequest } from '@sandpiper/contracts';
import { InputError } from '@sandpiper/grading/basics';

/** Lines in one batch, and their total length, characters. */
const LINES_PER_BATCH = 200;
const WEIGHT_PER_BATCH = 16 * 1024 * 1024;

/** One line of the inputs. */
export interface MapInput {
  /** Its number from 0; empty lines are not counted. */
  readonly index: number;
  readonly text: string;
}

/** Number of lines, for the progress bar; null where it is unknown (a pipe). */
export async function countInputs(path: string): Promise<number | null> {
  if (path === '-') return null;
  const found = await stat(path).catch(() => null);
  if (found === null) throw new InputError(`${path}: no such file`);
  if (found.isDirectory()) throw new InputError(`${path}: is a folder, not a file`);
  if (!found.isFile()) return null;
  let count = 0;
  for await (const input of readInputs(path)) count = input.index + 1;
  return count;
}

/** The lines of a file, or of standard input ("-"), read on demand. */
async function* readInputs(path: string): AsyncGenerator<MapInput> {
  const input = path === '-' ? process.stdin : createReadStream(path);
  let index = 0;
  for await (const text of createInterface({ input, crlfDelay: Infinity })) {
    if (text.trim() === '') continue;
    yield { index, text };
    index += 1;
  }
}

/** The same lines in groups, one per batch. @param from number of lines to skip at the beginning */
export async function* groupInputs(path: string, from: number): AsyncGenerator<readonly MapInput[]> {
  let group: MapInput[] = [];
  let weight = 0;
  for await (const input of readInputs(path)) {
    if (input.index < from) continue;
    group.push(input);
    weight += input.text.length;
    if (group.length < LINES_PER_BATCH && weight < WEIGHT_PER_BATCH) continue;
    yield group;
    group = [];
    weight = 0;
  }
  if (group.length > 0) yield group;
}

/**
 * The run request for one line.
 * @param base the program and its limits; @param asRequest the line is a JSON object with its own args,
 *   stdin, env, files or limits; otherwise the line with its line break is the standard input.
 * @throws InputError that names the line
 */
export function runOfInput(base: RunRequest, input: MapInput, asRequest: boolean): RunRequest {
  const at = `line ${input.index + 1}`;
  if (!asRequest) {
    if (Buffer.byteLength(input.text) >= REQUEST_BOUNDS.stdinBytes)
      throw new InputError(`${at}: is too long`);
    return { ...base, stdin: `${input.text}\n` };
  }
  let value: unknown;
  try {
    value = JSON.parse(input.text);
  } catch {
    throw new InputError(`${at}: is not JSON`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new InputError(`${at}: is not a JSON object`);
  }
  const parsed = runRequestSchema.safeParse({ ...base, ...value });
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new InputError(`${at}: ${[...(issue?.path ?? []), issue?.message].join(': ')}`);
}
