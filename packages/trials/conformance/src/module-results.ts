import type { MethodOutcome, SideResult } from './outcome.js';
import { ResultLines } from './result-lines.js';

/** Both sides of a module. */
export interface ModuleResult {
  readonly module: string;
  readonly bare: SideResult;
  readonly sandbox: SideResult;
}

/** A side as a line of JSON holds it. */
type StoredSide = Omit<SideResult, 'outcomes'> & { readonly outcomes: readonly [string, MethodOutcome][] };

/** Results of earlier runs, a line for each module, in a file that grows; a path of null keeps nothing. */
export class ModuleResults {
  readonly #known = new Map<string, ModuleResult>();
  readonly #lines: ResultLines;

  constructor(path: string | null) {
    this.#lines = new ResultLines(path, (line) => {
      const { module, bare, sandbox } = line as { module: string; bare: StoredSide; sandbox: StoredSide };
      this.#known.set(module, { module, bare: sideOf(bare), sandbox: sideOf(sandbox) });
    });
  }

  find(module: string): ModuleResult | null {
    return this.#known.get(module) ?? null;
  }

  add(result: ModuleResult): void {
    this.#lines.add({ ...result, bare: storedOf(result.bare), sandbox: storedOf(result.sandbox) });
  }
}

const sideOf = (stored: StoredSide): SideResult => ({ ...stored, outcomes: new Map(stored.outcomes) });
const storedOf = (side: SideResult): StoredSide => ({ ...side, outcomes: [...side.outcomes] });
