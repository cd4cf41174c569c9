import { readFileSync } from 'node:fs';
import type { NodeLabels, NodeReport } from '@sandpiper/contracts';
import { type NodeProcess, type NodeRegistry, type ReportAnswer, SCHEMA } from '@sandpiper/store';

/** Heartbeats per lease, so that a lost one does no harm. */
const SIGNS_PER_LEASE = 4;

/** Shortest and longest interval of heartbeats, milliseconds. */
const MIN_MS = 100;
const MAX_MS = 1_000;

export interface NodeReporterOptions {
  readonly registry: NodeRegistry;
  readonly process: NodeProcess;
  /** A node that is silent for longer is considered lost, milliseconds. */
  readonly leaseMs: number;
  readonly engines: readonly string[];
  readonly state: () => NodeReport['state'];
  readonly cells: () => NodeReport['cells'];
  /** The runs that it has, also those that have left their cell. */
  readonly runIds: () => readonly string[];
  readonly warnings: () => readonly string[];
  /** Host and port of the metrics; null while they are not served. */
  readonly metricsAddress: () => string | null;
  readonly labels: NodeLabels;
  /** Whether Redis is available. */
  readonly up: () => boolean;
  /** Another living node has the same name. */
  readonly onTwin: () => void;
  /** An operator wants it to take no runs, or to take them again. */
  readonly onCordon: (cordon: ReportAnswer['cordon']) => void;
  /** It has a lease. `lost`: it had none before this report, so the runs that it has are lost. */
  readonly onLease: (lost: boolean) => void;
}

/** Sends heartbeats of this node, and reports at once when its capacity changes. */
export class NodeReporter {
  private readonly startedAt = new Date().toISOString();
  private timer: NodeJS.Timeout | null = null;
  /** The capacity that was reported last. */
  private told = '';
  private reports = 0;
  private twin = false;
  private cordon: ReportAnswer['cordon'] = null;

  constructor(private readonly options: NodeReporterOptions) {}

  start(): void {
    const { leaseMs } = this.options;
    const interval = Math.min(MAX_MS, Math.max(MIN_MS, leaseMs / SIGNS_PER_LEASE));
    this.timer = setInterval(() => void this.report(), interval);
    void this.report();
  }

  /** Whether another living node had this name at the last report. */
  get hasTwin(): boolean {
    return this.twin;
  }

  /** The node has changed: its cells, or whether it takes runs. */
  changed(): void {
    if (this.timer !== null && this.told !== this.ability()) void this.report();
  }

  /** Redis does not know the node. */
  reportAgain(): void {
    if (this.timer !== null) void this.report();
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  /** The last report. */
  async leave(): Promise<void> {
    this.stop();
    await this.options.registry.leave(this.options.process);
  }

  private async report(): Promise<void> {
    const { registry, process, leaseMs, engines, state, cells, warnings, metricsAddress, labels, up } =
      this.options;
    // During an outage of Redis, commands would pile up, one per interval.
    if (!up()) return;
    const ability = this.ability();
    const announce = ability !== this.told;
    this.told = ability;
    const address = metricsAddress();
    const report: NodeReport = {
      name: process.name,
      state: state(),
      cells: cells(),
      engines: [...engines],
      runtimes: [...process.runtimes],
      version: VERSION,
      schema: SCHEMA,
      startedAt: this.startedAt,
      leaseMs,
      warnings: [...warnings()],
      ...(address === null ? {} : { metricsAddress: address }),
      ...(Object.keys(labels).length === 0 ? {} : { labels }),
    };
    try {
      const answer = await registry.report(process, report, this.options.runIds(), announce);
      this.options.onLease(answer.lost);
      this.#meet(answer.twin);
      if (answer.cordon !== this.cordon) this.options.onCordon(answer.cordon);
      this.cordon = answer.cordon;
    } catch {
      this.told = '';
    }
  }

  /** The first report may replace that of a node which has just died, and whose successor this one is. */
  #meet(another: boolean): void {
    this.reports += 1;
    const twin = another && this.reports > 1;
    if (twin && !this.twin) this.options.onTwin();
    this.twin = twin;
  }

  /** The node's capacity: whether it takes runs, and in how many cells. */
  private ability(): string {
    const { state, cells } = this.options;
    const alive = cells().filter((cell) => cell.state === 'idle' || cell.state === 'busy').length;
    return `${state()} ${alive}`;
  }
}

const VERSION = (
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
).version;
