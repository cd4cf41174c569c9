import { once } from 'node:events';
import { createReadStream, createWriteStream, existsSync, statSync, truncateSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { cpuWaitOf, type RunResult, type RunState } from '@sandpiper/contracts';
import { InputError } from '@sandpiper/grading/basics';

/** The destination of the output lines. */
export interface MapOutput {
  /** Number of input lines that already have an output. */
  readonly from: number;
  write(line: string): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens the destination of the outputs: standard output, or a file, which is appended to.
 * @throws InputError when the file cannot be written, or was not written by `map`
 */
export async function openOutput(
  path: string | undefined,
  resume: boolean,
  from: number,
): Promise<MapOutput> {
  if (path === undefined) return { from, ...writer(process.stdout, false) };
  const there = existsSync(path);
  if (there && statSync(path).isDirectory()) throw new InputError(`--out: ${path}: is a folder`);
  if (there && statSync(path).size > 0 && !resume) {
    throw new InputError(`--out: ${path}: already exists; use --resume to continue it`);
  }
  const done = there ? await keepWholeLines(path) : 0;
  const stream = createWriteStream(path, { flags: 'a' });
  await once(stream, 'open').catch((cause: unknown) => {
    throw new InputError(`--out: ${path}: cannot be written`, { cause });
  });
  return { from: done, ...writer(stream, true) };
}

function writer(stream: Writable, ours: boolean): Pick<MapOutput, 'write' | 'close'> {
  return {
    async write(line) {
      if (!stream.write(line)) await once(stream, 'drain');
    },
    async close() {
      if (!ours) return;
      stream.end();
      await once(stream, 'close');
    },
  };
}

/** Cuts off an incomplete last line. @returns how many lines are left */
async function keepWholeLines(path: string): Promise<number> {
  let lines = 0;
  let whole = 0;
  let last = '';
  let position = 0;
  let pending = '';
  for await (const chunk of createReadStream(path, { encoding: 'latin1' }) as AsyncIterable<string>) {
    for (let start = 0; ; ) {
      const end = chunk.indexOf('\n', start);
      if (end === -1) {
        pending += chunk.slice(start);
        break;
      }
      last = pending + chunk.slice(start, end);
      pending = '';
      lines += 1;
      whole = position + end + 1;
      start = end + 1;
    }
    position += chunk.length;
  }
  if (lines > 0 && indexOf(last) !== lines - 1) {
    throw new InputError(
      `--resume: ${path}: was not written by sandpiper map: the index of its last line is wrong`,
    );
  }
  if (whole < position) truncateSync(path, whole);
  return lines;
}

function indexOf(line: string): number | null {
  try {
    const { index } = JSON.parse(line) as { index?: unknown };
    return typeof index === 'number' ? index : null;
  } catch {
    return null;
  }
}

/** The output line for one input. */
export function outputLine(index: number, run: RunState, full: boolean): string {
  const { result } = run;
  if (result === null) {
    return `${JSON.stringify({ index, status: 'internal-error', message: 'the result has expired' })}\n`;
  }
  return `${JSON.stringify(full ? { index, ...result } : compact(index, result))}\n`;
}

/** The usual fields; `--full` writes the whole result. */
function compact(index: number, result: RunResult): object {
  const { status, exitCode, signal, message, usage } = result;
  const { cpuMs, wallMs, peakMemoryBytes } = usage;
  return {
    index,
    status,
    exitCode,
    ...(signal === null ? {} : { signal }),
    ...streamOf(result, 'stdout'),
    ...streamOf(result, 'stderr'),
    ...streamOf(result, 'combined'),
    ...(message === null ? {} : { message }),
    ...(cpuWaitOf(result) === null ? {} : { unreliable: result.unreliable }),
    ...(result.retries === undefined ? {} : { retries: result.retries }),
    ...(result.outputs === undefined ? {} : { outputs: result.outputs }),
    usage: { cpuMs, wallMs, peakMemoryBytes },
  };
}

/** Whichever of the two fields the result has. */
function streamOf(result: RunResult, name: 'stdout' | 'stderr' | 'combined'): object {
  const { [name]: text, [`${name}Base64` as const]: base64 } = result;
  return base64 === undefined ? { [name]: text } : { [`${name}Base64`]: base64 };
}
