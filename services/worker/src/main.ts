import { Cell, cpuShare, memoryOfNode, memoryWarnings, StartUpProof } from '@sandpiper/controller';
import { redisSettings, replicationOptions } from '@sandpiper/store';
import {
  createLogger,
  createNodeMetrics,
  startTracing,
  superviseProcess,
  tellParent,
} from '@sandpiper/telemetry';
import { nodeNameOf, planCells, readConfig, profileOf, rpythonOf } from './config.js';
import { WorkerNode } from './node.js';
import { operationsServer } from './operations-server.js';

/** How often a node looks whether it has become ready, until it has, milliseconds. */
const READY_CHECK_MS = 25;

async function main(): Promise<void> {
  const config = readConfig(process.env);
  const redis = redisSettings(config);
  const name = nodeNameOf(config);
  const log = createLogger({ service: 'worker', level: config.SANDPIPER_LOG_LEVEL, base: { node: name } });
  const metrics = createNodeMetrics(name);
  const tracing = await startTracing('sandpiper-node', { 'service.instance.id': name }, log);

  let node: WorkerNode | null = null;
  /** Of each cell, what is wrong with its profile. */
  const unprepared = new Map<number, string>();
  const plan = planCells(config, cpuShare());
  const memoryBytes = config.SANDPIPER_MEMORY_BYTES ?? null;
  const lasting = [...plan.warnings, ...memoryWarnings(memoryOfNode(memoryBytes), plan.cpus.length)];
  for (const warning of lasting) log.warn(warning);
  const warnings = (): string[] => [...lasting, ...new Set(unprepared.values())];
  const proof = new StartUpProof(rpythonOf(config), {
    passed: ({ tookMs }) => log.info({ tookMs: Math.round(tookMs) }, 'the self-test has passed'),
    failed: (failures, retryMs) =>
      log.error({ failures, retryMs }, 'the self-test has failed: no runs are taken'),
  });
  const beginning = {
    get notReadyBecause() {
      return proof.reasons.length > 0 ? proof.reasons : ['its cells are being started'];
    },
    showState: () => {},
  };
  const app = operationsServer(metrics, () => node ?? beginning, warnings);
  const starting = startNode();
  const end = (how: 'drain' | 'abandon') => async (): Promise<void> => {
    proof.stop();
    // A node that is asked to leave while its cells start has them to close as well.
    await (await starting)[how]();
    await app.close();
    await tracing.close();
  };
  superviseProcess({ drain: end('drain'), abandon: end('abandon') }, log);

  const url = await app.listen({ host: config.SANDPIPER_HOST, port: config.SANDPIPER_PORT });
  log.info({ url }, 'listening');
  tellParent({ type: 'listening', url });
  node = await starting;
  announceWhenReady(node);

  function startNode(): Promise<WorkerNode> {
    return WorkerNode.start({
      name,
      redis,
      replication: replicationOptions(config),
      cpus: plan.cpus,
      factory: (place) => {
        unprepared.delete(place.id);
        return Cell.start({
          ...place,
          cells: plan.cpus.length,
          memoryBytes,
          rpython: rpythonOf(config),
          profile: profileOf(config),
          onUnprepared: (why) => {
            unprepared.set(place.id, `profile of the fork server: ${why}`);
            log.warn({ cell: place.id, why }, 'the profile of the fork server cannot be had as it is');
          },
          onFault: (runId, report) =>
            log.error({ cell: place.id, runId, report }, 'the sandbox failed in a run'),
        });
      },
      proven: proof.passed,
      metrics,
      tracing,
      log,
      graceMs: config.SANDPIPER_GRACE_MS,
      orphanMs: config.SANDPIPER_ORPHAN_MS,
      lockMs: config.SANDPIPER_LOCK_MS,
      stalledIntervalMs: config.SANDPIPER_STALLED_INTERVAL_MS,
      engines: rpythonOf(config) === null ? ['seccomp'] : ['seccomp', 'rpython'],
      warnings,
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
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`sandpiper worker: ${message.replaceAll('\n', '; ')}\n`);
  process.exit(1);
});
