import type { RunResult } from '@sandpiper/contracts';
import type { Claim, FinishVerdict } from '@sandpiper/store';
import type { NodeMetrics } from '@sandpiper/telemetry';

/** A claim that gave a run. */
export type GivenClaim = Extract<Claim, { readonly attempt: number }>;

/** Time on the clock of this process, milliseconds; never goes back. */
const now = (): number => performance.now();

const seconds = (ms: number): number => Math.max(0, ms) / 1000;

/**
 * What one attempt leaves in the metrics: where its time went, and what it came to. Times between machines are told by
 * their clocks, and a negative one counts as none; times within one stage are of this process alone.
 */
export class RunRecord {
  private claimedAt: number;
  private ranAt: number;

  /**
   * The run is ours from now on.
   * @param askedAt when the claim was sent, as `performance.now()`
   */
  constructor(
    private readonly metrics: NodeMetrics,
    private readonly claim: GivenClaim,
    askedAt: number,
  ) {
    const { submittedAt, dispatchedAt } = claim;
    const wallNow = Date.now();
    this.claimedAt = now();
    this.ranAt = this.claimedAt;
    metrics.queueWait.observe(seconds(wallNow - submittedAt));
    this.stage('claim', this.claimedAt - askedAt);
    if (dispatchedAt === null) return;
    this.stage('backlog', dispatchedAt - submittedAt);
    this.stage('queue', wallNow - dispatchedAt);
  }

  /** The cell has answered. */
  ran(result: RunResult): void {
    this.ranAt = now();
    const { startupMs, wallMs } = result.usage;
    if (startupMs === undefined) return;
    this.stage('start', startupMs);
    this.stage('program', wallMs);
    this.stage('end', this.ranAt - this.claimedAt - startupMs - wallMs);
  }

  /** The store has answered. */
  written(result: RunResult, verdict: FinishVerdict): void {
    const { metrics } = this;
    this.stage('write', now() - this.ranAt);
    if (verdict !== 'accepted') return;
    const { engine, status, usage } = result;
    metrics.runs.inc({ status, engine });
    metrics.runDuration.observe({ engine }, usage.wallMs / 1000);
    metrics.runCpu.observe({ engine }, usage.cpuMs / 1000);
    metrics.runLatency.observe(seconds(Date.now() - this.claim.submittedAt));
    metrics.controllerCpu.inc(usage.controllerCpuMs / 1000);
    metrics.calls.inc({ engine }, usage.syscalls);
    // Their names are the guest's own words, so they are counted together.
    const denied = Object.values(result.deniedCalls).reduce((sum, count) => sum + count, 0);
    metrics.deniedCalls.inc({ engine }, denied);
    if (result.start !== undefined) metrics.starts.inc({ start: result.start });
    if (result.unreliable !== undefined) metrics.unreliable.inc();
  }

  private stage(stage: string, ms: number): void {
    this.metrics.stage.observe({ stage }, seconds(ms));
  }
}
