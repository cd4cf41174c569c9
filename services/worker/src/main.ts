import { messageOf } from '@sandpiper/contracts';

import {
  Cell,
  cpuShare,
  memoryOfNode,
  memoryWarnings,
  type ProofListener,
  StartUpProof,
} from '@sandpiper/controller';
import { redisSettings, replicationOptions } from '@sandpiper/store';
import {
  createLogger,
  createNodeMetrics,
  startTracing,
  superviseProcess,
  tellParent,
} from '@sandpiper/telemetry';
import {
  advertised,
  nodeNameOf,
  planCells,
  readWorkerConfig,
  profileOf,
  rpythonOf,
  nodeRuntimes,
  servedRuntimes,
} from './config.js';
import { WorkerNode } from './node.js';
import { operationsServer } from './operations-server.js';

/** Interval of checking whether the node has become ready, milliseconds. */
const READY_CHECK_MS = 25;

async function main(): Promise<void> {
  const config = readWorkerConfig(process.env);
  const redis = redisSettings(config);
  const name = nodeNameOf(config);
  const log = createLogger({ service: 'worker', level: config.SANDPIPER_LOG_LEVEL, base: { node: name } });
  const metrics = createNodeMetrics(name);
  const tracing = await startTracing('sandpiper-node', { 'service.instance.id': name }, log);

  let node: WorkerNode | null = null;
  /** For each cell, the problem with its profile. */
  const unprepared = new Map<number, string>();
  const plan = planCells(config, cpuShare());
  const memoryBytes = config.SANDPIPER_MEMORY_BYTES ?? null;
  const lasting = [...plan.warnings, ...memoryWarnings(memoryOfNode(memoryBytes), plan.cpus.length)];
  for (const warning of lasting) log.warn(warning);
  const warnings = (): string[] => [...lasting, ...new Set(unprepared.values()), ...(node?.warnings ?? [])];
  const runtimes = await nodeRuntimes(config);
  const served = servedRuntimes(config, runtimes);
  const listener: ProofListener = {
    passed: ({ tookMs }) => log.info({ tookMs: Math.round(tookMs) }, 'self-test passed'),
    failed: (failures, retryMs) =>
      log.error({ failures, retryMs }, 'self-test failed: the node takes no runs'),
  };
  const proof = new StartUpProof(rpythonOf(config), listener, runtimes);
  const beginning = {
    get notReadyBecause() {
      return proof.reasons.length > 0 ? proof.reasons : ['cells are starting'];
    },
    showState: () => {},
  };
  let metricsAddress: string | null = null;
  const app = operationsServer(metrics, () => node ?? beginning, warnings);
  const starting = startNode();
  const end = (how: 'drain' | 'abandon') => async (): Promise<void> => {
    proof.stop();
    // A node that is asked to leave during start-up must close its cells as well.
    await (await starting)[how]();
    await app.close();
    await tracing.close();
  };
  superviseProcess({ drain: end('drain'), abandon: end('abandon') }, log);

  const url = await app.listen({ host: config.SANDPIPER_HOST, port: config.SANDPIPER_PORT });
  log.info({ url }, 'listening');
  metricsAddress = advertised(config, Number(new URL(url).port));
  tellParent({ type: 'listening', url });
  node = await starting;
  announceWhenReady(node);

  function startNode(): Promise<WorkerNode> {
    return WorkerNode.start({
      name,
      redis,
      replication: replicationOptions(config),
      cpus: plan.cpus,
      factory: (spec) => {
        unprepared.delete(spec.id);
        return Cell.start({
          ...spec,
          cells: plan.cpus.length,
          memoryBytes,
          rpython: rpythonOf(config),
          runtimes,
          profile: profileOf(config),
          onUnprepared: (why) => {
            unprepared.set(spec.id, `profile of the fork server: ${why}`);
            log.warn({ cell: spec.id, why }, 'some modules of the fork server profile could not be imported');
          },
          onFault: (runId, report) =>
            log.error({ cell: spec.id, runId, report }, 'the sandbox failed in a run'),
        });
      },
      proven: proof.passed,
      metrics,
      tracing,
      log,
      graceMs: config.SANDPIPER_GRACE_MS,
      orphanMs: config.SANDPIPER_ORPHAN_MS,
      leaseMs: config.SANDPIPER_LOCK_MS,
      runtimes: served,
      engines: rpythonOf(config) === null ? ['seccomp'] : ['seccomp', 'rpython'],
      warnings,
      metricsAddress: () => metricsAddress,
      labels: config.SANDPIPER_LABELS,
    });
  }
}

function announceWhenReady(node: WorkerNode): void {
  const timer = setInterval(() => {
    if (!node.ready) return;
    clearInterval(timer);
    tellParent({ type: 'ready' });
  }, READY_CHECK_MS);
  timer.unref();
}

main().catch((error: unknown) => {
  process.stderr.write(`sandpiper worker: ${messageOf(error).replaceAll('\n', '; ')}\n`);
  process.exit(1);
});
