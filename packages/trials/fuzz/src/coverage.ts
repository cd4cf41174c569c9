import { type Profiler, Session } from 'node:inspector';

/** What is fuzzed: our code that answers a guest. */
const WATCHED = /\/packages\/(abi|kernel|protocol|vfs)\/dist\//;

/**
 * Which code ran, by V8's own counters (Profiler domain of the inspector protocol). No compiler pass for
 * JavaScript installs without a prebuilt binary, and these counters cost nothing while code runs; only
 * reading them is expensive, so callers read once after many inputs.
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

  /** Whether code has run since the last look that never ran before. `keep` marks it as seen. */
  look(keep: boolean): boolean {
    let scripts: Profiler.ScriptCoverage[] = [];
    // Answered before it returns: the thread's session with itself.
    this.#session.post('Profiler.takePreciseCoverage', (_error, found) => {
      scripts = found?.result ?? [];
    });
    let fresh = 0;
    for (const script of scripts) if (WATCHED.test(script.url)) fresh += this.#add(script, keep);
    if (keep) this.covered += fresh;
    return fresh > 0;
  }

  /** Inner ranges follow outer ones and override them. */
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
