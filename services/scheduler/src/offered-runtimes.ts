import { DEFAULT_RUNTIME_NAME, type NodeView } from '@sandpiper/contracts';

/**
 * The runtimes that a run may name: those of the nodes that take runs, and those of which the operator says that nodes will
 * have them. Where there is no such node, those of the last ones, as such nodes may come back.
 */
export class OfferedRuntimes {
  private known: readonly string[];

  /** @param expected names of runtimes for which runs wait until a node has them */
  constructor(private readonly expected: readonly string[] = []) {
    this.known = [...new Set([DEFAULT_RUNTIME_NAME, ...expected])];
  }

  /** By name, the default one first. */
  get names(): readonly string[] {
    return this.known;
  }

  update(nodes: readonly Pick<NodeView, 'state' | 'runtimes'>[]): void {
    const serving = nodes.filter(({ state }) => state === 'ready' || state === 'not-ready');
    if (serving.length === 0) return;
    // A node of a version before runtimes has the default one.
    const theirs = serving.flatMap(({ runtimes = [DEFAULT_RUNTIME_NAME] }) => runtimes);
    const names = [...new Set([...theirs, ...this.expected])].sort();
    const others = names.filter((name) => name !== DEFAULT_RUNTIME_NAME);
    this.known = names.length === others.length ? names : [DEFAULT_RUNTIME_NAME, ...others];
  }
}
