import type { Inspect } from '@sandpiper/actor';
import type { Logger, NodeMetrics } from '@sandpiper/telemetry';

/**
 * Turns events of a node's actors into logs and metrics. Events of every run are logged at `debug` or finer.
 *
 * @param showState updates the gauges
 */
export function inspectNode(log: Logger, metrics: NodeMetrics, showState: () => void): Inspect {
  return (event) => {
    const { actor } = event;
    switch (event.type) {
      case 'started':
      case 'stopped':
      case 'message':
        log.trace(event, 'actor');
        break;
      case 'transition':
        log.debug(event, 'transition');
        if (!actor.startsWith('run-')) showState();
        break;
      case 'overflow':
        log.warn(event, 'a full mailbox refused a message');
        break;
      case 'failed':
        log.error({ err: event.error, actor }, 'an actor failed');
        break;
      case 'restart':
        metrics.cellRestarts.inc();
        log.error(
          { err: event.error, cell: actor, failures: event.failures, retryInMs: event.delayMs },
          'a cell failed and will be rebuilt',
        );
        break;
      case 'escalated':
        log.error(
          { err: event.error, cell: actor, failures: event.failures, windowMs: event.windowMs },
          'a cell dies too often: the node is not ready',
        );
        break;
      case 'recovered':
        log.info({ cell: actor }, 'a cell that died too often has recovered');
        break;
    }
  };
}
