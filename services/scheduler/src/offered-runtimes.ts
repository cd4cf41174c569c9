import { DEFAULT_RUNTIME_NAME, type NodeView } from '@sandpiper/contracts';

/**
 * The runtimes that a run may name: those of every node that takes runs, as any of them may get it. Where there is no such
 * node, those of the last ones, as such a node may come back.
 */
export class OfferedRuntimes {
  private known: readonly string[] = [DEFAULT_RUNTIME_NAME];

  /** In the order of the first node: its first is that of runs that name none. */
  get names(): readonly string[] {
    return this.known;
  }

  update(nodes: readonly Pick<NodeView, 'state' | 'runtimes'>[]): void {
    const [first, ...others] = nodes
      .filter(({ state }) => state === 'ready' || state === 'not-ready')
      // A node of a version before runtimes has the default one.
      .map(({ runtimes = [DEFAULT_RUNTIME_NAME] }) => runtimes);
    if (first === undefined) return;
    this.known = first.filter((name) => others.every((names) => names.includes(name)));
  }
}
