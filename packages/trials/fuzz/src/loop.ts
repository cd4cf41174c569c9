import { Coverage } from './coverage.js';
import { Finding } from './finding.js';
import { mutate } from './mutate.js';
import { Random } from './random.js';

export type Target = (bytes: Uint8Array, log?: (line: string) => void) => void;

export interface FuzzProgress {
  executions: number;
  corpus: number;
  /** Characters of fuzzed code that ran. */
  covered: number;
}

export interface LoopOptions {
  readonly seconds: number;
  readonly seed: number;
  /** Inputs to begin from. */
  readonly known: readonly Uint8Array[];
  /** Called before each execution, so that the watcher knows which input did not return. */
  readonly onInput: (bytes: Uint8Array) => void;
  readonly onProgress: (progress: FuzzProgress) => void;
}

export interface LoopResult extends FuzzProgress {
  readonly corpusInputs: readonly Uint8Array[];
  readonly finding: { readonly bytes: Uint8Array; readonly message: string } | null;
}

/** Coverage is read once per this many inputs: a reading costs a hundred times as much as an input. */
const BATCH = 64;
/** Memory of the process beyond which something leaks. Bytes. */
const MAX_MEMORY = 1500 * 1024 * 1024;

/** Runs a target on mutations of inputs that reached new code, until time is up or there is a finding. */
export function fuzz(target: Target, options: LoopOptions): LoopResult {
  const random = new Random(options.seed);
  const coverage = new Coverage();
  const corpus: Uint8Array[] = [];
  const progress: FuzzProgress = { executions: 0, corpus: 0, covered: 0 };
  const end = Date.now() + options.seconds * 1000;
  let tell = Date.now() + 10_000;

  const run = (bytes: Uint8Array): string | null => {
    progress.executions++;
    options.onInput(bytes);
    try {
      target(bytes);
      return null;
    } catch (error) {
      if (error instanceof Finding) return error.message;
      return `an error of the fuzzer itself: ${(error as Error).stack}`;
    }
  };
  const keepIfNew = (bytes: Uint8Array): void => {
    if (coverage.look(true)) corpus.push(bytes);
    progress.corpus = corpus.length;
    progress.covered = coverage.covered;
  };
  const finished = (finding: LoopResult['finding']): LoopResult => ({
    ...progress,
    corpusInputs: corpus,
    finding,
  });

  for (const bytes of options.known) {
    const message = run(bytes);
    if (message !== null) return finished({ bytes, message });
    keepIfNew(bytes);
  }
  while (Date.now() < end) {
    const batch: Uint8Array[] = [];
    for (let i = 0; i < BATCH; i++) {
      const known = corpus.length > 0 && random.below(10) > 0;
      const bytes = known
        ? mutate(pick(corpus, random), pick(corpus, random), random)
        : random.bytes(1 + random.below(400));
      const message = run(bytes);
      if (message !== null) return finished({ bytes, message });
      batch.push(bytes);
    }
    // New code ran: for which input? Each runs once more, alone.
    if (coverage.look(false)) {
      for (const bytes of batch) {
        const message = run(bytes);
        if (message !== null) return finished({ bytes, message });
        keepIfNew(bytes);
      }
    }
    if (process.memoryUsage().rss > MAX_MEMORY)
      return finished({ bytes: pick(batch, random), message: 'memory that is not given back' });
    if (Date.now() > tell) {
      tell = Date.now() + 10_000;
      options.onProgress(progress);
    }
  }
  return finished(null);
}

function pick(corpus: readonly Uint8Array[], random: Random): Uint8Array {
  return corpus[random.below(corpus.length)] as Uint8Array;
}
