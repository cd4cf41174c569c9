import { createReadStream, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import { createInterface } from 'node:readline';
import {
  REQUEST_BOUNDS,
  transcriptEndSchema,
  type TranscriptHeader,
  transcriptHeaderSchema,
} from '@sandpiper/contracts';
import { type Interpreter, interpreterStampOf, runLocally } from '@sandpiper/controller';
import { InputError } from '@sandpiper/grading/basics';
import { escapeForTerminal } from '../terminal/escape.js';
import { EXIT } from '../exit-codes.js';
import { quote } from '../options.js';
import { chosenRuntime } from '../runtimes/runtime-options.js';
import { asInputError } from './refused.js';

/** Longest line of a transcript, characters: the first line holds the program's files and input. */
const MAX_LINE = 2 * (REQUEST_BOUNDS.sourceBytes + REQUEST_BOUNDS.stdinBytes) * 2;

/**
 * `sandpiper replay`: repeats the run of a transcript and reports the first difference. Returns the exit
 * code.
 */
export async function replayCommand(path: string): Promise<number> {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) {
    throw new InputError(`${quote(path)}: no such file`);
  }
  const recorded = new Lines(path);
  const folder = mkdtempSync(join(tmpdir(), 'sandpiper-replay-'));
  try {
    const header = readHeader(path, await recorded.next());
    const again = join(folder, 'transcript');
    await runAgain(header, again);
    return await compare(recorded, new Lines(again));
  } finally {
    recorded.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function readHeader(path: string, line: string | null): TranscriptHeader {
  let value: unknown;
  try {
    value = JSON.parse(line ?? '');
  } catch {
    throw new InputError(
      `${quote(path)}, line 1: is not JSON; run --deterministic --transcript writes a transcript`,
    );
  }
  const parsed = transcriptHeaderSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new InputError(
    escapeForTerminal(`${path}, line 1: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'is wrong'}`),
  );
}

/** A runtime is looked up on this host, as `run --runtime` does. @throws InputError */
async function interpreterHere(recorded: TranscriptHeader['run']['interpreter']): Promise<Interpreter> {
  if (recorded.engine !== 'seccomp') return recorded;
  const { runtime } = recorded;
  return { engine: 'seccomp', runtime: await chosenRuntime(runtime === undefined ? {} : { runtime }) };
}

async function runAgain({ run, madeBy }: TranscriptHeader, transcriptPath: string): Promise<void> {
  const interpreter = await interpreterHere(run.interpreter);
  const stamp = interpreterStampOf(interpreter);
  if (stamp !== madeBy.interpreter) {
    const text = `recorded with a different interpreter: ${madeBy.interpreter}; this host has ${stamp ?? 'none'}`;
    process.stderr.write(`sandpiper: ${escapeForTerminal(text, 500)}\n`);
  }
  const program = posix.resolve(run.folder, run.programPath);
  const files = run.files.map((file) => ({ path: file.path, data: Buffer.from(file.data, 'base64') }));
  const abort = new AbortController();
  const stop = () => abort.abort();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  try {
    await runLocally(
      {
        request: { args: [...run.args], env: run.env, limits: run.limits },
        interpreter,
        folder: run.folder,
        programPath: run.programPath,
        program: files.find((file) => file.path === program)?.data ?? Buffer.alloc(0),
        files: files.filter((file) => file.path !== program),
        mounts: [],
        stdin: { kind: 'buffer', data: Buffer.from(run.stdin, 'base64') },
        output: 'capture',
        tracePath: null,
        deterministic: { seed: run.seed, epochMs: run.epochMs, transcriptPath },
        outputs: [],
      },
      { signal: abort.signal },
    );
  } catch (error) {
    throw asInputError(error);
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
}

async function compare(recorded: Lines, again: Lines): Promise<number> {
  await again.next(); // the header describes the run, not its results
  for (let call = 1; ; call++) {
    const [before, now] = [await recorded.next(), await again.next()];
    if (before !== now) {
      process.stdout.write(
        `differs at call ${call}\n  recorded  ${shown(before)}\n  now       ${shown(now)}\n`,
      );
      return EXIT.failed;
    }
    if (before === null) {
      process.stdout.write(`the recording is truncated: it ends before the run does\n`);
      return EXIT.failed;
    }
    const end = endOf(before);
    if (end !== null) {
      process.stdout.write(`the same: ${end.calls} calls, digest ${end.digest}\n`);
      return EXIT.ok;
    }
  }
}

function shown(line: string | null): string {
  return line === null ? 'nothing more' : escapeForTerminal(line, 400);
}

/** Only called with a line that the repeated run wrote as well. */
function endOf(line: string): { calls: number; digest: string } | null {
  if (!line.startsWith('{"end":')) return null;
  return transcriptEndSchema.parse(JSON.parse(line)).end;
}

/** Reads a file line by line, with a bound on the length of a line. */
class Lines {
  readonly #stream;
  readonly #lines;

  constructor(private readonly path: string) {
    this.#stream = createReadStream(path, { encoding: 'utf8' });
    let since = 0;
    this.#stream.on('data', (text) => {
      const end = text.lastIndexOf('\n');
      since = end < 0 ? since + text.length : text.length - end - 1;
      if (since > MAX_LINE)
        this.#stream.destroy(new InputError(`${quote(this.path)}: contains a line that is too long`));
    });
    this.#lines = createInterface({ input: this.#stream, crlfDelay: Infinity })[Symbol.asyncIterator]();
  }

  async next(): Promise<string | null> {
    const next = await this.#lines.next();
    return next.done === true ? null : next.value;
  }

  close(): void {
    this.#stream.destroy();
  }
}
