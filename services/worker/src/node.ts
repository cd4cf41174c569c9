import { randomBytes } from 'node:crypto';
import {
  type Clock,
  LifecycleActor,
  type RestartPolicy,
  type Self,
  systemClock,
  type Trouble,
} from '@sandpiper/actor';
import {
  DEFAULT_RUNTIME_NAME,
  type NodeLabels,
  type Engine,
  firstLine,
  type NodeReport,
  type Ticket,
  withDeadline,
} from '@sandpiper/contracts';
import { Comparer } from '@sandpiper/grading/judge-run';
import {
  connectPatient,
  connectSubscriber,
  Doorbell,
  keepFewEvents,
  LiveHints,
  LiveStore,
  NodeRegistry,
  nodeQueue,
  onTrouble,
  QUEUE_PREFIX,
  type Replication,
  replicationOf,
  type ReplicationOptions,
  type RedisConnection,
  type RedisTarget,
  RunStore,
  removeQueue,
  subscribeCancel,
} from '@sandpiper/store';
import {
  countReconnects,
  type Logger,
  NO_TRACING,
  type NodeMetrics,
  type Tracing,
} from '@sandpiper/telemetry';
import { Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { Attempts } from './attempt/attempts.js';
import type { CellFactory } from './cell-like.js';
import { CELL_STATES, Cells } from './cells.js';
import { inspectNode } from './inspect-node.js';
import { LiveRuns } from './live-run.js';
import { NodeReporter } from './node-reporter.js';
import { Taker } from './taker.js';
import { nodeLifecycle, type NodeEffect, type NodeEvent, type NodeState } from './lifecycles/node.js';

export interface NodeOptions extends Partial<RestartPolicy> {
  readonly name: string;
  readonly redis: RedisTarget;
  /** Confirms a result before the queue is told; default: the Redis master alone. */
  readonly replication?: ReplicationOptions;
  readonly cpus: readonly (number | null)[];
  readonly factory: CellFactory;
  readonly metrics: NodeMetrics;
  /** The caller closes it after the node. */
  readonly tracing?: Tracing;
  readonly log: Logger;
  readonly graceMs: number;
  readonly engines?: readonly Engine[];
  /** Names; by default that of Debian's alone. */
  readonly runtimes?: readonly string[];
  /** The node takes no runs before this resolves; false: it was asked to leave meanwhile. */
  readonly proven?: Promise<boolean>;
  /** Human-readable warnings: features this node lacks. */
  readonly warnings?: () => readonly string[];
  /** Host and port of its metrics, as other hosts reach them; null while they are not served. */
  readonly metricsAddress?: () => string | null;
  /** What its operator says of it. */
  readonly labels?: NodeLabels;
  /** How long its runs stay with a node that does not report, milliseconds; then others get them. */
  readonly leaseMs?: number;
  /** The clock for back-offs, the grace period and handing back. */
  readonly clock?: Clock;
  /** How long a live run may wait for input without a connected feeder, milliseconds. */
  readonly orphanMs?: number;
}

/** Five deaths of a cell within a minute are too many; a single poison run may cost three. */
const RESTART_POLICY: RestartPolicy = {
  firstBackOffMs: 200,
  maxBackOffMs: 30_000,
  maxFailures: 5,
  windowMs: 60_000,
};

const DEFAULT_LEASE_MS = 10_000;

/** Deadline for handing back runs after the grace period, milliseconds. */
const HAND_BACK_MS = 5_000;

/** Timeout of the last report, milliseconds. */
const LEAVE_MS = 1_000;

/** Their reports and their runs are taken for those of one node. */
const TWIN = 'another node has the same name: give each its own SANDPIPER_NODE_NAME';

/** Mailbox capacity for requests to leave: a signal or two. */
const MAILBOX_CAPACITY = 4;

/** A worker node: it takes runs for its supervised cells, also when a ticket says that there are some. One per process. */
export class WorkerNode {
  private readonly connections: {
    commands: RedisConnection;
    blocking: RedisConnection;
    subscriber: Redis;
  };
  private readonly replication: Replication;
  private readonly comparer = new Comparer();
  private readonly cells: Cells;
  private readonly attempts: Attempts;
  private readonly taker: Taker;
  private readonly tickets: Worker<Ticket>;
  private readonly reporter: NodeReporter;
  private readonly actor: LifecycleActor<NodeState, NodeEvent, NodeEffect>;
  private readonly policy: RestartPolicy;
  private toldCells = '';
  /** Called when no attempt is under way. */
  private onEmpty: () => void = () => undefined;

  private constructor(private readonly options: NodeOptions) {
    const { name, redis, metrics, log, cpus, clock = systemClock } = options;
    this.connections = {
      commands: connectPatient(redis),
      blocking: quiet(connectPatient(redis), log),
      subscriber: quiet(connectSubscriber(redis), log),
    };
    onTrouble(this.connections.commands, (reason) => log.warn({ reason }, 'Redis cannot be reached'));
    countReconnects(this.connections.commands, metrics.redisReconnects);
    const bell = new Doorbell(this.connections.commands);
    const store = new RunStore(this.connections.commands, bell);
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
    this.attempts = new Attempts({
      ...{ node: name, store, cells: this.cells, live, metrics, log, clock, inspect },
      comparer: this.comparer,
      tracing: options.tracing ?? NO_TRACING,
      replication: this.replication,
      onPlaced: () => this.taker.wake(),
      onEnd: () => this.attemptEnded(),
    });
    const runtimes = options.runtimes ?? [DEFAULT_RUNTIME_NAME];
    // A process with the same name, before this one or beside it, has leases of its own.
    const process = { name, instance: `${name}/${randomBytes(6).toString('hex')}`, runtimes };
    this.taker = new Taker({
      ...{ node: name, instance: process.instance, runtimes, store, clock, log },
      cells: this.cells,
      attempts: this.attempts,
      up: () => this.redisUp,
      onLost: () => this.reporter.reportAgain(),
    });
    this.actor = new LifecycleActor<NodeState, NodeEvent, NodeEffect>({
      name: 'node',
      capacity: MAILBOX_CAPACITY,
      clock,
      inspect,
      lifecycle: nodeLifecycle,
      perform: (effect, self) => this.perform(effect, self),
    });
    this.tickets = this.openTickets();
    this.reporter = new NodeReporter({
      registry: new NodeRegistry(this.connections.commands, bell),
      process,
      leaseMs: options.leaseMs ?? DEFAULT_LEASE_MS,
      engines: options.engines ?? ['seccomp'],
      state: () => this.reported,
      cells: () => this.cells.facts.map(({ runId, ...cell }) => ({ ...cell, run: runId })),
      runIds: () => this.attempts.runIds,
      warnings: () => [...this.notReadyBecause, ...(options.warnings?.() ?? [])],
      metricsAddress: () => options.metricsAddress?.() ?? null,
      labels: options.labels ?? {},
      up: () => this.redisUp,
      onTwin: () => log.warn(TWIN),
      onCordon: (cordon) => {
        log.info({ cordon }, cordon === null ? 'the cordon is lifted' : 'cordoned: the node takes no runs');
        this.actor.slot()({ type: 'cordon', cordon });
      },
      onLease: (lost) => {
        if (lost) this.attempts.loseAll();
        this.taker.hasLease();
      },
    });
    subscribeCancel(
      this.connections.subscriber,
      (id) => this.attempts.cancel(id),
      () => void this.attempts.rereadCancels().catch(() => undefined),
    );
  }

  /** Starts the cells, then takes runs. Redis may still be unavailable. */
  static async start(options: NodeOptions): Promise<WorkerNode> {
    const node = new WorkerNode(options);
    const tellStarted = node.actor.slot();
    await node.cells.start();
    // A node that has not proven its filter and limits takes no runs; it retries, or is asked to leave.
    if ((await options.proven) === false) return node;
    tellStarted({ type: 'cells-started' });
    node.showState();
    node.reporter.start();
    return node;
  }

  /** Takes runs: Redis is up, a cell is up, no cell keeps dying, and the node is not leaving. */
  get ready(): boolean {
    return this.notReadyBecause.length === 0;
  }

  /** What is wrong with a node that works. */
  get warnings(): readonly string[] {
    return this.reporter.hasTwin ? [TWIN] : [];
  }

  /** The reasons why it is not ready, a line each. */
  get notReadyBecause(): readonly string[] {
    if (this.actor.state.kind === 'starting') return ['cells are starting'];
    if (this.isLeaving) return ['the node is leaving'];
    if (this.actor.state.kind === 'cordoned') return ['an operator has cordoned the node'];
    return [
      ...(this.redisUp ? [] : ['Redis does not answer']),
      ...(this.cells.alive > 0 ? [] : ['no cell is up']),
      ...this.cells.troubles.map((trouble) => describeTrouble(trouble, this.policy)),
    ];
  }

  private get isLeaving(): boolean {
    return !['starting', 'serving', 'troubled', 'stranded', 'cordoned'].includes(this.actor.state.kind);
  }

  private get reported(): NodeReport['state'] {
    if (this.isLeaving) return 'draining';
    if (this.actor.state.kind === 'cordoned') return 'cordoned';
    return this.ready ? 'ready' : 'not-ready';
  }

  get redisUp(): boolean {
    return this.connections.commands.status === 'ready';
  }

  /** Updates the gauges; called before each scrape. */
  showState(): void {
    const { metrics } = this.options;
    for (const state of CELL_STATES) metrics.cells.set({ state }, this.cells.count(state));
    metrics.ready.set(this.ready ? 1 : 0);
    metrics.redisUp.set(this.redisUp ? 1 : 0);
  }

  /**
   * Drains: first readiness ends and no new runs are taken; current runs get the grace period, then go back
   * to the backlogs; then the cells are closed.
   */
  async drain(): Promise<void> {
    this.tell({ type: 'drain' });
    await this.actor.ended;
  }

  /** Leaves as after kill -9, but without leftover processes: its runs are lost when its lease is over. */
  async abandon(): Promise<void> {
    this.tell({ type: 'abandon' });
    await this.actor.ended;
  }

  private tell(event: NodeEvent): void {
    // Harmless: the accepted requests say the same.
    if (this.actor.tell(event) === 'full') {
      this.options.log.warn({ event: event.type }, 'the node got too many requests at once');
    }
  }

  private cellsChanged(): void {
    this.taker.wake();
    const cells = { up: this.cells.alive, troubled: this.cells.troubles.length };
    const now = `${cells.up} ${cells.troubled}`;
    if (now === this.toldCells) return;
    this.toldCells = now;
    this.reporter.changed();
    this.actor.slot()({ type: 'cells', cells });
  }

  private perform(effect: NodeEffect, self: Self<NodeEvent>): void {
    const { log, graceMs } = this.options;
    switch (effect.type) {
      case 'consume':
        this.taker.start();
        this.tickets
          .run()
          .catch((error: unknown) => log.error({ err: error }, 'the queue of tickets is read no more'));
        // The first report may have been sent just before and said that the node takes no runs yet.
        this.reporter.changed();
        return;
      case 'pause':
        return this.taker.pause();
      case 'hand-back-waiting':
        return this.attempts.handBackWaiting();
      case 'resume':
        return this.taker.start();
      case 'stop-consuming':
        this.showState();
        this.reporter.changed();
        return whenOver(this.stopTaking(), self, { type: 'runs-ended' });
      case 'await-grace':
        return self.timer('grace', graceMs, { type: 'grace-over' });
      case 'hand-back':
        log.warn({ runs: this.attempts.runIds }, 'grace period over: handing back runs');
        return this.attempts.handBackAll();
      case 'await-hand-back':
        return self.timer('hand-back', HAND_BACK_MS, { type: 'hand-back-over' });
      case 'close-cells':
        return whenOver(this.cells.close(), self, { type: 'cells-closed' });
      case 'disconnect':
        return self.begin(this.leave().then(() => this.disconnect()));
      case 'cut':
        this.reporter.stop();
        this.disconnect();
    }
  }

  /** Takes no more runs. Resolves when those that it has have ended. */
  private async stopTaking(): Promise<void> {
    await Promise.all([this.taker.close(), this.tickets.close()]);
    if (this.attempts.count > 0) await new Promise<void>((resolve) => (this.onEmpty = resolve));
  }

  private attemptEnded(): void {
    if (this.attempts.count === 0) this.onEmpty();
    this.taker.wake();
  }

  /** Takes the node off the list, unless Redis is away. */
  private async leave(): Promise<void> {
    const queue = nodeQueue(this.options.name);
    const left = this.reporter
      .leave()
      .then(() => removeQueue(queue, this.connections.commands))
      .catch(() => undefined);
    await withDeadline(left, LEAVE_MS, () => undefined);
  }

  private disconnect(): null {
    for (const connection of Object.values(this.connections)) connection.disconnect();
    this.replication.close();
    void this.comparer.close();
    return null;
  }

  private openTickets(): Worker<Ticket> {
    const { name, log } = this.options;
    const ring = (): Promise<void> => {
      this.taker.ring();
      return Promise.resolve();
    };
    const tickets = new Worker<Ticket>(nodeQueue(name), ring, {
      connection: this.connections.blocking,
      prefix: QUEUE_PREFIX,
      name,
      autorun: false,
      concurrency: 1,
      // A ticket ends at once, and a lost one costs a second.
      skipStalledCheck: true,
      skipLockRenewal: true,
      runRetryDelay: 1_000,
      skipVersionCheck: true,
    });
    tickets.on('error', (error) => log.debug({ reason: error.message }, 'tickets'));
    keepFewEvents(this.connections.commands, tickets);
    return tickets;
  }
}

function policyOf(options: Partial<RestartPolicy>): RestartPolicy {
  const { firstBackOffMs, maxBackOffMs, maxFailures, windowMs } = { ...RESTART_POLICY, ...options };
  return { firstBackOffMs, maxBackOffMs, maxFailures, windowMs };
}

/** One short line about a cell that dies too often. */
function describeTrouble({ child, failures, error }: Trouble, policy: RestartPolicy): string {
  const why = firstLine(error.message).slice(0, 200);
  const seconds = (ms: number): string => `${ms / 1000} s`;
  return `${child} died ${failures} times within ${seconds(policy.windowMs)} and is restarted every ${seconds(policy.maxBackOffMs)}; last: ${why}`;
}

/** Reports the end of the work, even after a failure: a bad close is a close too. */
function whenOver(work: Promise<unknown>, self: Self<NodeEvent>, event: NodeEvent): void {
  const tell = self.slot();
  work.then(
    () => tell(event),
    () => tell(event),
  );
}

/** Errors concern all connections alike, and one of them logs. */
function quiet<T extends RedisConnection>(connection: T, log: Logger): T {
  connection.on('error', (error: Error) => log.debug({ reason: error.message }, 'Redis connection'));
  return connection;
}
