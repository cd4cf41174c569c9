import { appendFileSync, existsSync, readFileSync } from 'node:fs';
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

  constructor(private readonly path: string | null) {
    if (path === null) return;
    if (existsSync(path)) for (const line of readFileSync(path, 'utf8').split('\n')) this.#take(line);
    appendFileSync(path, '\n'); // a line of its own; a path that is not writable is reported before the work
  }

  /** The last line may have been cut off where a run was interrupted. */
  #take(line: string): void {
    try {
      const record = JSON.parse(line) as CorpusRecord;
      if (record.kind in KINDS) this.#all.set(keyOf(record), record);
    } catch {
      // run again
    }
  }

  /** Of the same program with the same files; null where it is to be run. */
  find(program: string, how: How, digest: string): CorpusRecord | null {
    const record = this.#all.get(keyOf({ program, how }));
    return record?.digest === digest ? record : null;
  }

  add(record: CorpusRecord): void {
    this.#all.set(keyOf(record), record);
    if (this.path !== null) appendFileSync(this.path, `${JSON.stringify(record)}\n`);
  }
}

function keyOf({ program, how }: Pick<CorpusRecord, 'program' | 'how'>): string {
  return `${how}\0${program}`;
}
