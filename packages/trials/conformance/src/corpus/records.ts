import { ResultLines } from '../result-lines.js';
import type { How } from './cell-side.js';
import { type CorpusJudgement, KINDS } from './judge.js';

/** A line of the results. */
export interface CorpusRecord extends CorpusJudgement {
  readonly program: string;
  readonly how: How;
  readonly digest: string;
}

/** The results so far, and a file that keeps them; with a path of null they are kept in memory alone. */
export class Records {
  readonly #all = new Map<string, CorpusRecord>();
  readonly #lines: ResultLines;

  constructor(path: string | null) {
    this.#lines = new ResultLines(path, (line) => {
      const record = line as CorpusRecord;
      if (record.kind in KINDS) this.#all.set(keyOf(record), record);
    });
  }

  /** Of the same program with the same files; null where it is to be run. */
  find(program: string, how: How, digest: string): CorpusRecord | null {
    const record = this.#all.get(keyOf({ program, how }));
    return record?.digest === digest ? record : null;
  }

  add(record: CorpusRecord): void {
    this.#all.set(keyOf(record), record);
    this.#lines.add(record);
  }
}

function keyOf({ program, how }: Pick<CorpusRecord, 'program' | 'how'>): string {
  return `${how}\0${program}`;
}
