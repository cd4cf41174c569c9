import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Clock,
  LifecycleActor,
  type RestartPolicy,
  type Self,
  systemClock,
  type Trouble,
} from '@sandpiper/actor';
import { type Engine, JOB_VERSION, RUN_QUEUE, type RunJob } from '@sandpiper/contracts';
import {
  connectPatient,
  connectSubscriber,
  LiveHints,
  LiveStore,
  NodeRegistry,
  onTrouble,
  QUEUE_PREFIX,
  type Replication,
  replicationOf,
  type ReplicationOptions,
  type RedisConnection,
  type RedisTarget,
  RunStore,
  subscribeCancel,
  UNLIMITED,
} from '@sandpiper/store';
import {
  countReconnects,
  type Logger,
  NO_TRACING,
  type NodeMetrics,
  type Tracing,
} from '@sandpiper/telemetry';
import { WaitingError, Worker, type Job } from 'bullmq';
import type { Redis } from 'ioredis';
import type { CellFactory } from './cell-like.js';
import { CELL_STATES, Cells } from './cells.js';
import { inspectNode } from './inspect-node.js';
import { LiveRuns } from './live-run.js';
import { NodeReporter } from './node-reporter.js';
import { nodeLifecycle, type NodeEffect, type NodeEvent, type NodeState } from './lifecycles/node.js';
import { RunProcessor } from './run-processor.js';

export interface NodeOptions extends Partial<RestartPolicy> {
  readonly name: string;
  readonly redis: RedisTarget;
  /** What must have a result before the queue is told; default: Redis alone. */
  readonly replication?: ReplicationOptions;
  readonly cpus: readonly (number | null)[];
  readonly factory: CellFactory;
  readonly metrics: NodeMetrics;
  /** The caller closes it after the node. */
  readonly tracing?: Tracing;
  readonly log: Logger;
  readonly graceMs: number;
  readonly engines?: readonly Engine[];
  /** It takes no runs before this; false: it was asked to leave meanwhile. */
  readonly proven?: Promise<boolean>;
  /** What it does without, for people. */
  readonly warnings?: () => readonly string[];
  /**
   * How long a run stays ours without a sign of life, milliseconds; the queue then gives it to another node.
   */
  readonly lockMs?: number;
  readonly stalledIntervalMs?: number;
  /** Of back-offs, of the grace and of what is handed back. */
  readonly clock?: Clock;
  /** How long a live run waits for input while nobody is there who could give it some, milliseconds. */
  readonly orphanMs?: number;
}

/** Five deaths of a cell within a minute are too many: three are what one poison run may cost. */
const RESTART_POLICY: RestartPolicy = {
  firstBackOffMs: 200,
  maxBackOffMs: 30_000,
  maxFailures: 5,
  windowMs: 60_000,
};

/** How long a run stays a node's without a sign of life, milliseconds. */
const DEFAULT_LOCK_MS = 10_000;

/** After the grace, what is handed back is to be handed back within this time, milliseconds. */
const HAND_BACK_MS = 5_000;

/** Before the queue is told that a run is to be tried again, milliseconds. */
const RETRY_MS = 500;

/** Its last word may take so long, milliseconds. */
const LEAVE_MS = 1_000;

/** Of those who ask it to leave: a signal or two. */
const MAILBOX_CAPACITY = 4;

/** A worker node: consumer, supervised cells, cancel channel. One per process. */
export class WorkerNode {
  private readonly connections: {
    commands: RedisConnection;
    blocking: RedisConnection;
    subscriber: Redis;
  };
  private readonly replication: Replication;
  private readonly cells: Cells;
  private readonly processor: RunProcessor;
  private readonly consumer: Worker<RunJob>;
  private readonly reporter: NodeReporter;
  private readonly actor: LifecycleActor<NodeState, NodeEvent, NodeEffect>;
  private readonly policy: RestartPolicy;
  private toldCells = '';

  private constructor(private readonly options: NodeOptions) {
    const { name, redis, metrics, log, cpus, clock = systemClock } = options;
    this.connections = {
      commands: connectPatient(redis),
      blocking: quiet(connectPatient(redis), log),
      subscriber: quiet(connectSubscriber(redis), log),
    };
    onTrouble(this.connections.commands, (reason) => log.warn({ reason }, 'Redis cannot be reached'));
    countReconnects(this.connections.commands, metrics.redisReconnects);
    const store = new RunStore(this.connections.commands);
    this.replication = replicationOf(redis, options.replication ?? { replicas: 0, timeoutMs: 0 }, (error) =>
      log.debug({ reason: error.message }, 'Redis connection'),
    );
    this.policy = policyOf(options);
    const inspect = inspectNode(log, metrics, () => this.showState());
    this.cells = new Cells({
      node: name,
      cpus,
      factory: options.factory,
      clock,
      policy: this.policy,
      inspect,
      onChange: () => this.cellsChanged(),
    });
    const live = new LiveRuns({
      store: new LiveStore(this.connections.commands),
      hints: new LiveHints(this.connections.subscriber),
      log,
      ...(options.orphanMs === undefined ? {} : { orphanMs: options.orphanMs }),
    });
    this.processor = new RunProcessor({
      ...{ node: name, store, cells: this.cells, live, metrics, log, clock, inspect },
      tracing: options.tracing ?? NO_TRACING,
      replication: this.replication,
    });
    this.actor = new LifecycleActor<NodeState, NodeEvent, NodeEffect>({
      name: 'node',
      capacity: MAILBOX_CAPACITY,
      clock,
      inspect,
      lifecycle: nodeLifecycle,
      perform: (effect, self) => this.perform(effect, self),
    });
    this.consumer = this.makeConsumer();
    this.reporter = new NodeReporter({
      registry: new NodeRegistry(this.connections.commands),
      name,
      leaseMs: options.lockMs ?? DEFAULT_LOCK_MS,
      engines: options.engines ?? ['seccomp'],
      state: () => (this.isLeaving ? 'draining' : this.ready ? 'ready' : 'not-ready'),
      cells: () => this.cells.facts.map(({ runId, ...cell }) => ({ ...cell, run: runId })),
      warnings: () => [...this.notReadyBecause, ...(options.warnings?.() ?? [])],
      up: () => this.redisUp,
    });
    subscribeCancel(
      this.connections.subscriber,
      (id) => this.processor.cancel(id),
      () => void this.processor.rereadCancels().catch(() => undefined),
    );
  }

  /** Starts the cells, then takes runs. Redis need not be there yet. */
  static async start(options: NodeOptions): Promise<WorkerNode> {
    const node = new WorkerNode(options);
    const tellStarted = node.actor.place();
    await node.cells.start();
    // What has not proven its filter and limits stays as it is, and is asked to leave, or to try again.
    if ((await options.proven) === false) return node;
    tellStarted({ type: 'cells-started' });
    node.showState();
    node.reporter.start();
    return node;
  }

  /** Takes runs: Redis is there, a cell is alive, none dies all the time, nobody asked us to leave. */
  get ready(): boolean {
    return this.notReadyBecause.length === 0;
  }

  /** What keeps it from being ready, a line each. */
  get notReadyBecause(): readonly string[] {
    if (this.actor.state.kind === 'starting') return ['its cells are being started'];
    if (this.isLeaving) return ['it is leaving'];
    return [
      ...(this.redisUp ? [] : ['Redis does not answer']),
      ...(this.cells.alive > 0 ? [] : ['no cell is up']),
      ...this.cells.troubles.map((trouble) => describeTrouble(trouble, this.policy)),
    ];
  }

  private get isLeaving(): boolean {
    return !['starting', 'serving', 'troubled', 'stranded'].includes(this.actor.state.kind);
  }

  get redisUp(): boolean {
    return this.connections.commands.status === 'ready';
  }

  /** Brings the gauges up to date; called before each scrape. */
  showState(): void {
    const { metrics } = this.options;
    for (const state of CELL_STATES) metrics.cells.set({ state }, this.cells.count(state));
    metrics.ready.set(this.ready ? 1 : 0);
    metrics.redisUp.set(this.redisUp ? 1 : 0);
  }

  /**
   * Readiness goes first; no new runs; those that run get the grace, then go back to the queue; cells are
   * closed.
   */
  async drain(): Promise<void> {
    this.tell({ type: 'drain' });
    await this.actor.ended;
  }

  /**
   * As kill -9 would leave it, but without a process left: says nothing to the queue, which notices by
   * itself.
   */
  async abandon(): Promise<void> {
    this.tell({ type: 'abandon' });
    await this.actor.ended;
  }

  private tell(event: NodeEvent): void {
    // Of the few that say the same, those that have been accepted do.
    if (this.actor.tell(event) === 'full') {
      this.options.log.warn({ event: event.type }, 'the node was asked too often at once');
    }
  }

  private cellsChanged(): void {
    // A node does not hold runs for cells that it does not have. One it may: it waits for the first cell to
    // come back.
    this.consumer.concurrency = this.cells.isIsolated ? 1 : Math.max(1, this.cells.alive);
    const cells = { up: this.cells.alive, troubled: this.cells.troubles.length };
    const now = `${cells.up} ${cells.troubled}`;
    if (now === this.toldCells) return;
    this.toldCells = now;
    this.reporter.changed();
    this.actor.place()({ type: 'cells', cells });
  }

  private perform(effect: NodeEffect, self: Self<NodeEvent>): void {
    const { log, graceMs } = this.options;
    switch (effect.type) {
      case 'consume':
        this.consumer.run().catch((error: unknown) => log.error({ err: error }, 'the consumer ended'));
        // Its first word may have been said a moment before, and was that it takes none yet.
        this.reporter.changed();
        return;
      case 'pause':
        void this.consumer.pause(true);
        return;
      case 'hand-back-waiting':
        return this.processor.handBackWaiting();
      case 'resume':
        this.processor.accept();
        void this.consumer.resume();
        return;
      case 'stop-consuming':
        this.showState();
        this.reporter.changed();
        return whenOver(this.consumer.close(), self, { type: 'runs-ended' });
      case 'await-grace':
        return self.timer('grace', graceMs, { type: 'grace-over' });
      case 'hand-back':
        log.warn({ runs: this.processor.activeIds }, 'the grace is over, runs are handed back');
        return this.processor.handBackAll();
      case 'await-hand-back':
        return self.timer('hand-back', HAND_BACK_MS, { type: 'hand-back-over' });
      case 'close-cells':
        return whenOver(this.cells.close(), self, { type: 'cells-closed' });
      case 'disconnect':
        return self.begin(within(this.reporter.leave(), LEAVE_MS).then(() => this.disconnect()));
      case 'cut':
        this.reporter.stop();
        this.disconnect();
    }
  }

  private disconnect(): null {
    for (const connection of Object.values(this.connections)) connection.disconnect();
    this.replication.close();
    return null;
  }

  private makeConsumer(): Worker<RunJob> {
    const { name, cpus, lockMs = DEFAULT_LOCK_MS, stalledIntervalMs = 3_000, log } = this.options;
    const consumer = new Worker<RunJob>(RUN_QUEUE, (job, token) => this.process(job, token), {
      connection: this.connections.blocking,
      prefix: QUEUE_PREFIX,
      name,
      autorun: false,
      concurrency: Math.max(1, cpus.length),
      lockDuration: lockMs,
      stalledInterval: stalledIntervalMs,
      // Deaths are counted when a run is claimed; the queue hands it out again whatever happens.
      maxStalledCount: UNLIMITED,
      runRetryDelay: 1_000,
      skipVersionCheck: true,
    });
    consumer.on('error', (error) => log.debug({ reason: error.message }, 'consumer'));
    consumer.on('lockRenewalFailed', (ids) => {
      for (const id of ids) this.processor.lockLost(id);
    });
    consumer.on('stalled', (id) => log.warn({ runId: id }, 'a run was taken back from a silent node'));
    return consumer;
  }

  private async process(job: Job<RunJob>, token: string | undefined): Promise<void> {
    if (!(job.data.version <= JOB_VERSION)) return this.processor.leaveToNewer(job.data.id);
    const outcome = await this.processor.process(job.data.id).catch(async (error: unknown) => {
      await sleep(RETRY_MS);
      throw error;
    });
    if (outcome === 'lock-lost') throw new Error('the lock of this job was lost');
    if (outcome === 'hand-back') {
      await job.moveToWait(token);
      throw new WaitingError();
    }
  }
}

function policyOf(options: Partial<RestartPolicy>): RestartPolicy {
  const { firstBackOffMs, maxBackOffMs, maxFailures, windowMs } = { ...RESTART_POLICY, ...options };
  return { firstBackOffMs, maxBackOffMs, maxFailures, windowMs };
}

/** One line, and no more of what went wrong than a person reads at a glance. */
function describeTrouble({ child, failures, error }: Trouble, policy: RestartPolicy): string {
  const why = error.message.split('\n', 1)[0]?.slice(0, 200);
  const seconds = (ms: number): string => `${ms / 1000} s`;
  return `${child} died ${failures} times within ${seconds(policy.windowMs)} and is tried every ${seconds(policy.maxBackOffMs)}; last: ${why}`;
}

/** However it ends: what is closed late or badly is gone all the same. */
function whenOver(work: Promise<unknown>, self: Self<NodeEvent>, event: NodeEvent): void {
  const tell = self.place();
  work.then(
    () => tell(event),
    () => tell(event),
  );
}

/** What goes wrong with one connection goes wrong with all, and one of them tells. */
function quiet<T extends RedisConnection>(connection: T, log: Logger): T {
  connection.on('error', (error: Error) => log.debug({ reason: error.message }, 'Redis connection'));
  return connection;
}

/** @returns false when the time was up first. A rejection counts as an end. */
function within(work: Promise<unknown>, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), ms);
    const over = (): void => {
      clearTimeout(timer);
      resolve(true);
    };
    work.then(over, over);
  });
}
