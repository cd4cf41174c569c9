import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import type { MethodOutcome, SideResult } from './outcome.js';

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

  constructor(private readonly path: string | null) {
    if (path === null) return;
    if (existsSync(path)) for (const line of readFileSync(path, 'utf8').split('\n')) this.#take(line);
    appendFileSync(path, '\n'); // a line of its own; a path that is not writable is reported before the work
  }

  /** The last line may have been cut off where a run was interrupted. */
  #take(line: string): void {
    try {
      const stored = JSON.parse(line) as { module: string; bare: StoredSide; sandbox: StoredSide };
      const { module } = stored;
      this.#known.set(module, { module, bare: sideOf(stored.bare), sandbox: sideOf(stored.sandbox) });
    } catch {
      // run again
    }
  }

  find(module: string): ModuleResult | null {
    return this.#known.get(module) ?? null;
  }

  add(result: ModuleResult): void {
    if (this.path === null) return;
    const stored = { ...result, bare: storedOf(result.bare), sandbox: storedOf(result.sandbox) };
    appendFileSync(this.path, `${JSON.stringify(stored)}\n`);
  }
}

const sideOf = (stored: StoredSide): SideResult => ({ ...stored, outcomes: new Map(stored.outcomes) });
const storedOf = (side: SideResult): StoredSide => ({ ...side, outcomes: [...side.outcomes] });
