import {
  DEFAULT_RUNTIME_NAME,
  type NodeView,
  type RuntimeLoad,
  type ServiceLoad,
} from '@sandpiper/contracts';
import type { Backlog } from '@sandpiper/store';

/** Runs that have not ended, by state. */
export type Depth = Awaited<ReturnType<Backlog['counts']>>;

/**
 * What the service has to do. Runs on a node belong to it: a farm that is scaled by what waits would lose its busy nodes
 * as soon as nothing waits.
 */
export function loadOf({ waiting, deferred, running }: Depth, nodes: readonly NodeView[]): ServiceLoad {
  const notBegun = waiting + deferred;
  return { runs: notBegun + running, waiting: notBegun, running, cells: cellsOf(nodes) };
}

/** The same of some runtimes alone, by which the nodes that have them are scaled. */
export function loadOfRuntimes(
  names: readonly string[],
  demand: Awaited<ReturnType<Backlog['demand']>>,
  nodes: readonly NodeView[],
): RuntimeLoad {
  const theirs = demand.filter(({ runtime }) => names.includes(runtime));
  const having = nodes.filter(({ runtimes = [DEFAULT_RUNTIME_NAME] }) =>
    runtimes.some((name) => names.includes(name)),
  );
  return { runs: theirs.reduce((sum, { runs }) => sum + runs, 0), cells: cellsOf(having) };
}

const cellsOf = (nodes: readonly NodeView[]): number =>
  nodes
    .filter(({ state }) => state === 'ready')
    .reduce((sum, node) => sum + node.cells.filter(({ state }) => state !== 'failed').length, 0);
