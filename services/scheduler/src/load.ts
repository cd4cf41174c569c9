import type { ServiceLoad, NodeView } from '@sandpiper/contracts';
import type { Backlog } from '@sandpiper/store';

/** Runs that have not ended, by state. */
export type Depth = Awaited<ReturnType<Backlog['counts']>>;

/**
 * What the service has to do. Runs on a node belong to it: a farm that is scaled by what waits would lose its busy nodes
 * as soon as nothing waits.
 */
export function loadOf({ waiting, deferred, running }: Depth, nodes: readonly NodeView[]): ServiceLoad {
  const notBegun = waiting + deferred;
  const cells = nodes
    .filter(({ state }) => state === 'ready')
    .reduce((sum, node) => sum + node.cells.filter(({ state }) => state !== 'failed').length, 0);
  return { runs: notBegun + running, waiting: notBegun, running, cells };
}
