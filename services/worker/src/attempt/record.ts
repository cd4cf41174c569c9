import { DEFAULT_RUNTIME_NAME, type RunResult } from '@sandpiper/contracts';
import type { Claim, FinishOutcome } from '@sandpiper/store';
import type { NodeMetrics, Span, Tracing } from '@sandpiper/telemetry';

export interface AttemptRecordOptions {
  readonly metrics: NodeMetrics;
  readonly tracing: Tracing;
  readonly node: string;
  readonly claim: Claim;
  /** When the node asked for runs, as `performance.now()`. */
  readonly askedAt: number;
}

/** The stages of a run; docs/metrics.md defines their beginning and end. */
type Stage = 'backlog' | 'claim' | 'start' | 'program' | 'end' | 'write';

/** Monotonic time of this process, milliseconds. */
const now = (): number => performance.now();

const seconds = (ms: number): number => Math.max(0, ms) / 1000;

/**
 * Metrics and traces of one attempt: the duration of its stages and its outcome. Durations between machines
 * use wall clocks, and a negative one counts as zero; durations within one stage use this process's clock.
 */
export class AttemptRecord {
  private readonly claimedAt = now();
  /**
   * Offset of `performance.now()` to Redis's time, which stamps the submission. Sampled per run: wall time can be
   * adjusted.
   */
  private readonly offset: number;
  private ranAt = this.claimedAt;
  private readonly span: Span;

  /** Records the claim. */
  constructor(private readonly options: AttemptRecordOptions) {
    const { metrics, tracing, node, claim, askedAt } = options;
    const { id, submittedAt, tenant, attempt } = claim;
    this.offset = claim.claimedAt - this.claimedAt;
    const claimedAt = this.epoch(this.claimedAt);
    metrics.queueWait.observe(seconds(claimedAt - submittedAt));
    // A run that comes while the node asks is handed out at once.
    const began = Math.max(submittedAt, this.epoch(askedAt));
    this.stage('backlog', submittedAt, began, claim.trace);
    this.span = tracing.span('run', {
      parent: claim.trace,
      kind: 'consumer',
      startedAt: began,
      attributes: {
        'sandpiper.run.id': id,
        'sandpiper.tenant': tenant,
        'sandpiper.node': node,
        'sandpiper.attempt': attempt,
      },
    });
    this.stage('claim', began, claimedAt);
  }

  /** It has got a cell. */
  placed(cell: number): void {
    this.span.set({ 'sandpiper.cell': cell });
  }

  /** Records the cell's result. */
  ran(result: RunResult): void {
    this.ranAt = now();
    const { startupMs, wallMs } = result.usage;
    if (startupMs === undefined) return;
    const took = this.epoch(this.claimedAt);
    const began = took + startupMs;
    this.stage('start', took, began);
    this.stage('program', began, began + wallMs);
    this.stage('end', began + wallMs, this.epoch(this.ranAt));
  }

  /** Records the store's answer. Refused results go to {@link lost}. */
  written(result: RunResult, outcome: FinishOutcome): void {
    const { engine, status, usage, start, runtime = DEFAULT_RUNTIME_NAME } = result;
    this.stage('write', this.epoch(this.ranAt), this.epoch(now()));
    this.span.set({
      'sandpiper.run.status': status,
      'sandpiper.engine': engine,
      'sandpiper.runtime': runtime,
      'sandpiper.cpu_ms': usage.cpuMs,
      'sandpiper.wall_ms': usage.wallMs,
      ...(start === undefined ? {} : { 'sandpiper.start': start }),
    });
    if (outcome !== 'accepted') return;
    this.span.end(status === 'internal-error' ? { error: status } : {});
    this.count(result);
  }

  /** Records an attempt without a result that counts. */
  lost(reason: string): void {
    this.span.end({ error: reason });
  }

  private count(result: RunResult): void {
    const { metrics, claim } = this.options;
    const { engine, status, usage, runtime = DEFAULT_RUNTIME_NAME } = result;
    metrics.runs.inc({ status, engine, runtime });
    metrics.runDuration.observe({ engine, runtime }, usage.wallMs / 1000);
    metrics.runCpu.observe({ engine, runtime }, usage.cpuMs / 1000);
    metrics.runLatency.observe(seconds(this.epoch(now()) - claim.submittedAt));
    metrics.controllerCpu.inc(usage.controllerCpuMs / 1000);
    metrics.calls.inc({ engine }, usage.syscalls);
    // The guest chooses their names, so they share one label.
    const denied = Object.values(result.deniedCalls).reduce((sum, count) => sum + count, 0);
    metrics.deniedCalls.inc({ engine }, denied);
    if (result.start !== undefined) metrics.starts.inc({ start: result.start });
    if (result.unreliable !== undefined) metrics.unreliable.inc();
  }

  /** @param at value of `performance.now()`. @returns milliseconds since the epoch */
  private epoch(at: number): number {
    return this.offset + at;
  }

  /** @param from, to milliseconds since the epoch. @param parent default: the attempt itself */
  private stage(stage: Stage, from: number, to: number, parent = this.span.traceparent): void {
    const { metrics, tracing } = this.options;
    metrics.stage.observe({ stage }, seconds(to - from));
    tracing.span(stage, { parent, startedAt: from }).end({ at: to });
  }
}
