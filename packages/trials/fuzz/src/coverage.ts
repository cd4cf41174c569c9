import { type Profiler, Session } from 'node:inspector';

/** What is fuzzed: code of ours that answers a guest. */
const WATCHED = /\/packages\/(abi|kernel|protocol|vfs)\/dist\//;

/**
 * Which code ran, by V8's own counters (Profiler domain of the inspector protocol). There is no compiler pass for JavaScript
 * that installs without a prebuilt binary, and this one costs nothing while code runs; only looking is dear, so whoever
 * uses it looks once after many inputs.
 */
export class Coverage {
  readonly #session = new Session();
  readonly #seen = new Map<string, Uint8Array>();
  /** Characters of code that have run. */
  covered = 0;

  constructor() {
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Whether something has run since the last look that never ran before. `keep` says whether it counts as seen from now on. */
  look(keep: boolean): boolean {
    let scripts: Profiler.ScriptCoverage[] = [];
    // Answered before it returns: the session is one of this thread with itself.
    this.#session.post('Profiler.takePreciseCoverage', (_error, found) => {
      scripts = found?.result ?? [];
    });
    let fresh = 0;
    for (const script of scripts) if (WATCHED.test(script.url)) fresh += this.#add(script, keep);
    if (keep) this.covered += fresh;
    return fresh > 0;
  }

  /** Inner ranges come after the outer ones, and say otherwise: the last word counts. */
  #add(script: Profiler.ScriptCoverage, keep: boolean): number {
    const end = Math.max(...script.functions.map((f) => f.ranges[0]?.endOffset ?? 0));
    const ran = new Uint8Array(end);
    for (const f of script.functions)
      for (const r of f.ranges) ran.fill(r.count > 0 ? 1 : 0, r.startOffset, r.endOffset);
    const seen = this.#seen.get(script.url);
    const all = seen !== undefined && seen.length >= end ? seen : new Uint8Array(end);
    if (seen !== undefined && seen !== all) all.set(seen);
    this.#seen.set(script.url, all);
    let fresh = 0;
    for (let i = 0; i < end; i++) {
      if (ran[i] === 1 && all[i] === 0) {
        if (keep) all[i] = 1;
        fresh++;
      }
    }
    return fresh;
  }
}
