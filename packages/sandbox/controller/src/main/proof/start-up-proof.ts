import { backOff } from '@sandpiper/contracts';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TranslatedInterpreter } from '../../crossing/engines.js';
import { DEFAULT_RUNTIME, type Runtime } from '../../crossing/runtime.js';
import { selfTest, type SelfTestReport } from './self-test.js';

/** Delays between failed self-tests. */
const BACK_OFF = { firstMs: 1_000, maxMs: 60_000 };

export interface ProofListener {
  passed(report: SelfTestReport): void;
  /** @param failures the failed checks, a line each */
  failed(failures: readonly string[], retryMs: number): void;
}

/**
 * A node that cannot prove its filter and limits takes no runs: this repeats the self-test until it passes.
 * The cause may be fixed meanwhile, such as a control group that was not delegated yet.
 */
export class StartUpProof {
  /** Resolves with true when the self-test has passed, and with false when it was stopped before. */
  readonly passed: Promise<boolean>;
  #failures: readonly string[] = [];
  #hasPassed = false;
  readonly #stopping = new AbortController();

  constructor(
    private readonly rpython: TranslatedInterpreter | null,
    private readonly listener: ProofListener,
    private readonly runtimes: readonly Runtime[] = [DEFAULT_RUNTIME],
  ) {
    this.passed = this.#try();
  }

  /** Why it has not passed yet, a line each; empty when it has. */
  get reasons(): readonly string[] {
    if (this.#hasPassed) return [];
    return this.#failures.length === 0 ? ['the self-test is running'] : this.#failures;
  }

  stop(): void {
    this.#stopping.abort();
  }

  /** Each runtime in turn, until one fails. */
  async #proveAll(signal: AbortSignal): Promise<SelfTestReport> {
    const startedAt = performance.now();
    let report: SelfTestReport = { checks: [], passed: true, tookMs: 0 };
    for (const [n, runtime] of this.runtimes.entries()) {
      report = await selfTest(n === 0 ? this.rpython : null, signal, runtime);
      if (!report.passed) break;
    }
    return { ...report, tookMs: performance.now() - startedAt };
  }

  async #try(): Promise<boolean> {
    const { signal } = this.#stopping;
    for (let tries = 1; !signal.aborted; tries++) {
      const report = await this.#proveAll(signal);
      if (signal.aborted) break;
      if (report.passed) {
        this.#hasPassed = true;
        this.listener.passed(report);
        return true;
      }
      this.#failures = report.checks.flatMap(({ name, failure }) =>
        failure === null ? [] : [`self-test: ${name}: ${failure}`],
      );
      const retryMs = backOff(tries, BACK_OFF);
      this.listener.failed(this.#failures, retryMs);
      await pause(retryMs, signal);
    }
    return false;
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
