import { parentPort, workerData } from 'node:worker_threads';
import { corpusFile, readCorpus } from './corpus.js';
import { fuzz } from './loop.js';
import { TARGETS } from './targets.js';

/** The main thread's order to this one. */
export interface FuzzTask {
  readonly target: string;
  readonly seconds: number;
  readonly seed: number;
  /** Inputs beside those of the repository. */
  readonly known: readonly Uint8Array[];
  /** Where the running input is stored: its length, and the bytes. */
  readonly current: SharedArrayBuffer;
}

const work = workerData as FuzzTask;
const target = TARGETS[work.target];
const tell = parentPort?.postMessage.bind(parentPort);
if (target === undefined || tell === undefined) throw new Error(`no target ${work.target}`);
const length = new Int32Array(work.current, 0, 2);
const bytes = new Uint8Array(work.current, 8);

const result = fuzz(target, {
  seconds: work.seconds,
  seed: work.seed,
  known: [...readCorpus(corpusFile(work.target)).map((entry) => entry.bytes), ...work.known],
  onInput: (input) => {
    bytes.set(input.subarray(0, bytes.length));
    length[0] = input.length;
    Atomics.add(length, 1, 1);
  },
  onProgress: (progress) => tell({ progress: { ...progress } }),
});
tell({ result });
