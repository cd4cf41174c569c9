import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import { type DriverEvent, type MethodOutcome, parseEvent, type SideResult } from './outcome.js';
import type { Side } from './sides.js';

/** How often a module is restarted without the method that ended it. */
const MAX_STARTS = 25;
/** How much of standard error is kept, to explain why an interpreter ended; characters. */
const STDERR_TAIL = 2000;
/** Between asking a process to end and killing it, milliseconds. */
const GRACE_MS = 10_000;

/** What the process of a sandboxed run reports about it. */
interface Ending {
  readonly how: string;
  readonly deniedCalls: Readonly<Record<string, number>>;
}

interface Attempt {
  /** Null when the module was completed. */
  readonly ended: string | null;
  readonly deniedCalls: Readonly<Record<string, number>>;
}

/** A module's run on one side; restarted after each method that ends the interpreter or hangs. */
class ModuleRun {
  readonly outcomes = new Map<string, MethodOutcome>();
  readonly troubles: string[] = [];
  readonly deniedCalls: Record<string, number> = {};
  /** The method that has begun and not ended. */
  current: string | null = null;
  silenceMs = 0;

  take(event: DriverEvent): void {
    if (event.event === 'start') {
      this.current = event.id;
    } else if (event.event === 'end') {
      this.outcomes.set(event.id, { outcome: event.outcome, reason: event.reason });
      this.current = null;
    } else if (event.event === 'trouble') {
      this.troubles.push(`${event.where}: ${event.reason}`);
    }
  }

  countDenied(calls: Readonly<Record<string, number>>): void {
    for (const [name, count] of Object.entries(calls)) {
      this.deniedCalls[name] = (this.deniedCalls[name] ?? 0) + count;
    }
  }
}

/**
 * Runs a module on one side. `patienceMs` is how long it may stay silent; `onProgress` gets the number of
 * finished methods.
 */
export async function runModule(
  side: Side,
  module: string,
  patienceMs: number,
  onProgress: (ended: number) => void,
): Promise<SideResult> {
  const begun = Date.now();
  const run = new ModuleRun();
  for (let starts = 1; ; starts++) {
    run.current = null;
    const attempt = await attemptModule(side, module, run, patienceMs, onProgress);
    run.countDenied(attempt.deniedCalls);
    if (attempt.ended === null) break;
    if (run.current === null) {
      // No method to blame: it would end there again.
      run.troubles.push(`${module}: ended outside of a method: ${attempt.ended}`);
      break;
    }
    run.outcomes.set(run.current, { outcome: 'ended', reason: attempt.ended });
    if (starts === MAX_STARTS) {
      run.troubles.push(`${module}: gave up after ${starts} starts`);
      break;
    }
  }
  const { outcomes, troubles, deniedCalls, silenceMs } = run;
  return { outcomes, troubles, deniedCalls, seconds: (Date.now() - begun) / 1000, silenceMs };
}

async function attemptModule(
  side: Side,
  module: string,
  run: ModuleRun,
  patienceMs: number,
  onProgress: (ended: number) => void,
): Promise<Attempt> {
  const child = side.start(module);
  const watch = new Watch(child, patienceMs, () => side.kill());
  let heard = Date.now();
  const stderr = keepTail(child.stderr);
  let ending: Ending | null = null;
  let done = false;
  child.on('message', (message) => (ending = message as Ending));
  child.stdin?.on('error', () => {}); // it may end before it has read
  child.stdin?.end([...run.outcomes.keys()].join('\n'));
  child.stdout?.setEncoding('utf8');
  onLine(child.stdout, (line) => {
    watch.sawLine();
    run.silenceMs = Math.max(run.silenceMs, Date.now() - heard);
    heard = Date.now();
    const event = parseEvent(line);
    if (event?.event === 'done') done = true;
    if (event !== null) run.take(event);
    onProgress(run.outcomes.size);
  });
  try {
    // Leftovers of tests hold the streams: they are killed too.
    const code = await endOf(child, () => side.kill());
    const { how, deniedCalls } = (ending as Ending | null) ?? { how: code, deniedCalls: {} };
    if (done) return { ended: null, deniedCalls };
    const why = watch.gaveUp ? `nothing for ${patienceMs / 1000} s` : `${how}; ${stderr()}`;
    return { ended: why, deniedCalls };
  } finally {
    watch.stop();
  }
}

/** Ends a process that stays silent for too long. */
class Watch {
  gaveUp = false;
  #timer: NodeJS.Timeout;

  constructor(
    private readonly child: ChildProcess,
    private readonly patienceMs: number,
    private readonly kill: () => void,
  ) {
    this.#timer = this.#wait();
  }

  sawLine(): void {
    if (this.gaveUp) return;
    clearTimeout(this.#timer);
    this.#timer = this.#wait();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #wait(): NodeJS.Timeout {
    return setTimeout(() => {
      this.gaveUp = true;
      this.child.kill('SIGTERM');
      this.#timer = setTimeout(this.kill, GRACE_MS);
    }, this.patienceMs);
  }
}

function onLine(stream: Readable | null, take: (line: string) => void): void {
  let rest = '';
  stream?.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) take(line);
  });
}

/** The last line of the output, read at the end. */
function keepTail(stream: Readable | null): () => string {
  let tail = '';
  stream?.setEncoding('utf8').on('data', (text: string) => {
    tail = (tail + text).slice(-STDERR_TAIL);
  });
  return () => tail.trimEnd().split('\n').at(-1) ?? '';
}

/**
 * How it ended; by then its streams have been read, unless a test's child outside the group still holds them.
 */
function endOf(child: ChildProcess, atExit: () => void): Promise<string> {
  return new Promise((resolve, reject) => {
    let how = '';
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      how = signal ?? `exit code ${code}`;
      atExit();
      setTimeout(() => resolve(how), GRACE_MS).unref();
    });
    child.once('close', () => resolve(how));
  });
}
