import type { AdmittedRequest, RunResult } from '@sandpiper/contracts';
import { syntheticResult } from '@sandpiper/store';
import { createLogger, createNodeMetrics, superviseProcess, tellParent } from '@sandpiper/telemetry';
import { type CellLike, type CellSpec, WorkerNode } from '@sandpiper/worker';

/**
 * Many nodes in one process, real except for their cells: a guest costs nothing. The rest is the cost of
 * scheduler, Redis and queue. Environment: SANDPIPER_REDIS_URL, SIMULATED_NODES (how many), SIMULATED_PREFIX
 * (of their names).
 */
class FreeCell implements CellLike {
  readonly closed: Promise<Error | null>;
  private end: (why: null) => void = () => undefined;

  constructor(private readonly spec: CellSpec) {
    this.closed = new Promise((resolve) => {
      this.end = resolve;
    });
  }

  run({
    id,
    request,
    attempt,
  }: {
    id: string;
    request: AdmittedRequest;
    attempt: number;
  }): Promise<RunResult> {
    const { node, id: cell } = this.spec;
    const { limits } = request;
    const facts = { id, attempt, node, cell, limits, engine: 'seccomp', message: '' } as const;
    return Promise.resolve({ ...syntheticResult({ ...facts, status: 'cancelled' }), status: 'ok' });
  }

  interrupt(): void {}

  cancel(): void {
    // A run that takes no time cannot be cancelled.
  }

  close(): Promise<void> {
    this.end(null);
    return Promise.resolve();
  }
}

const redis = process.env['SANDPIPER_REDIS_URL'] ?? '';
const count = Number(process.env['SIMULATED_NODES'] ?? '1');
const prefix = process.env['SIMULATED_PREFIX'] ?? 'simulated';
const log = createLogger({ service: 'simulated-nodes', level: 'warn' });
// One for all: each would have its own timer that watches the event loop.
const metrics = createNodeMetrics(prefix);

const nodes = await Promise.all(
  Array.from({ length: count }, (_, index) =>
    WorkerNode.start({
      name: `${prefix}-${index}`,
      redis,
      cpus: [null],
      factory: (spec) => Promise.resolve(new FreeCell(spec)),
      metrics,
      log,
      graceMs: 1_000,
    }),
  ),
);
const all = (how: 'drain' | 'abandon') => async (): Promise<void> => {
  await Promise.all(nodes.map((node) => node[how]()));
};
superviseProcess({ drain: all('drain'), abandon: all('abandon') }, log);
tellParent({ type: 'listening', url: 'none' });
tellParent({ type: 'ready' });
