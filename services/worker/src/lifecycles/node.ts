import { unreachable, type Lifecycle, type Step } from '@sandpiper/actor';

/** The health of a node's cells. */
interface CellsState {
  /** Number of cells that are idle or busy. */
  readonly up: number;
  /** Number of cells that die too often. */
  readonly troubled: number;
}

/** Only a `serving` node is ready. */
export type NodeState =
  /** Its cells are starting; it takes no runs yet. */
  | { readonly kind: 'starting'; readonly cells: CellsState }
  | { readonly kind: 'serving' }
  /** A cell dies too often; the others keep working. */
  | { readonly kind: 'troubled' }
  /** A cell dies too often and no cell is up: it takes no runs until one is back. */
  | { readonly kind: 'stranded' }
  /** An operator wants it to take no runs; it stays, and runs that it has go on, or are handed back after the grace period. */
  | { readonly kind: 'cordoned'; readonly cells: CellsState; readonly drains: boolean }
  /** It takes no new runs; the current ones may end within the grace period. */
  | { readonly kind: 'draining' }
  /** The grace period is over: the remaining runs go back to the queue. */
  | { readonly kind: 'handing-back' }
  /** `cut`: it is disconnected from Redis. */
  | { readonly kind: 'closing'; readonly cut: boolean }
  | { readonly kind: 'stopped' };

export type NodeEvent =
  /** Each cell has started, or its first start has failed. */
  | { readonly type: 'cells-started' }
  | { readonly type: 'cells'; readonly cells: CellsState }
  /** Take no runs, or take them again. */
  | { readonly type: 'cordon'; readonly cordon: 'cordon' | 'drain' | null }
  /** Drain and leave. */
  | { readonly type: 'drain' }
  /** Leave as after kill -9, but without leftover processes: the queue is not told and notices by itself. */
  | { readonly type: 'abandon' }
  | { readonly type: 'runs-ended' }
  | { readonly type: 'grace-over' }
  /** The runs were not handed back in time. */
  | { readonly type: 'hand-back-over' }
  /** All cells are gone without remains. */
  | { readonly type: 'cells-closed' };

export type NodeEffect =
  /** Start taking runs. */
  | { readonly type: 'consume' }
  | { readonly type: 'pause' }
  | { readonly type: 'resume' }
  /** Send runs that wait for a cell back to the queue. */
  | { readonly type: 'hand-back-waiting' }
  /** Take no more runs, and report when the current ones have ended. */
  | { readonly type: 'stop-consuming' }
  | { readonly type: 'await-grace' }
  | { readonly type: 'hand-back' }
  | { readonly type: 'await-hand-back' }
  | { readonly type: 'close-cells' }
  /** Close the connections to Redis in order. */
  | { readonly type: 'disconnect' }
  /**
   * Cut the connections to Redis at once: results of the killed guests must not be written as ends of their
   * runs.
   */
  | { readonly type: 'cut' };

type NodeStep = Step<NodeState, NodeEffect>;

export const nodeLifecycle: Lifecycle<NodeState, NodeEvent, NodeEffect> = {
  start: [{ kind: 'starting', cells: { up: 0, troubled: 0 } }, []],
  step(state, event) {
    switch (state.kind) {
      case 'starting':
        if (event.type === 'cells') return [{ kind: 'starting', cells: event.cells }, []];
        if (event.type === 'cells-started') return begin(state.cells);
        return leaveOr(state, event);
      case 'serving':
      case 'troubled':
        if (event.type === 'cells') return withCells(state, event.cells, []);
        if (event.type === 'cordon') return cordonOr(state, event.cordon);
        return leaveOr(state, event);
      case 'stranded':
        if (event.type === 'cells') return withCells(state, event.cells, [{ type: 'resume' }]);
        if (event.type === 'cordon') return cordonOr(state, event.cordon);
        return leaveOr(state, event);
      case 'cordoned':
        if (event.type === 'cells') return [{ ...state, cells: event.cells }, []];
        if (event.type === 'cordon') return uncordonOr(state, event.cordon);
        if (event.type === 'grace-over' && state.drains) return [state, [{ type: 'hand-back' }]];
        return leaveOr(state, event);
      case 'draining':
        if (event.type === 'grace-over') {
          return [{ kind: 'handing-back' }, [{ type: 'hand-back' }, { type: 'await-hand-back' }]];
        }
        return whenEmpty(state, event);
      case 'handing-back':
        if (event.type === 'hand-back-over') return close(false);
        return whenEmpty(state, event);
      case 'closing':
        if (event.type === 'cells-closed')
          return [{ kind: 'stopped' }, state.cut ? [] : [{ type: 'disconnect' }]];
        if (event.type === 'abandon' && !state.cut)
          return [{ kind: 'closing', cut: true }, [{ type: 'cut' }]];
        return [state, []];
      case 'stopped':
        return [state, []];
      default:
        return unreachable(state);
    }
  },
  isTerminal: (state) => state.kind === 'stopped',
};

function begin(cells: CellsState): NodeStep {
  const [state, effects] = withCells({ kind: 'serving' }, cells, []);
  return [state, [{ type: 'consume' }, ...effects]];
}

/** @param onReturn effects for leaving the current state */
function withCells(
  state: Extract<NodeState, { kind: 'serving' | 'troubled' | 'stranded' }>,
  { up, troubled }: CellsState,
  onReturn: readonly NodeEffect[],
): NodeStep {
  const kind = troubled === 0 ? 'serving' : up > 0 ? 'troubled' : 'stranded';
  if (kind === state.kind) return [state, []];
  if (kind !== 'stranded') return [{ kind }, onReturn];
  return [{ kind }, [{ type: 'pause' }, { type: 'hand-back-waiting' }]];
}

const CELLS_OF = {
  serving: { up: 1, troubled: 0 },
  troubled: { up: 1, troubled: 1 },
  stranded: { up: 0, troubled: 1 },
} as const satisfies Record<string, CellsState>;

const AWAIT_GRACE: readonly NodeEffect[] = [{ type: 'await-grace' }];

function cordonOr(
  state: Extract<NodeState, { kind: keyof typeof CELLS_OF }>,
  cordon: 'cordon' | 'drain' | null,
): NodeStep {
  if (cordon === null) return [state, []];
  const drains = cordon === 'drain';
  const pause: readonly NodeEffect[] =
    state.kind === 'stranded' ? [] : [{ type: 'pause' }, { type: 'hand-back-waiting' }];
  return [
    { kind: 'cordoned', cells: CELLS_OF[state.kind], drains },
    [...pause, ...(drains ? AWAIT_GRACE : [])],
  ];
}

function uncordonOr(
  state: Extract<NodeState, { kind: 'cordoned' }>,
  cordon: 'cordon' | 'drain' | null,
): NodeStep {
  const { cells } = state;
  if (cordon === null) {
    const kind = cells.troubled === 0 ? 'serving' : cells.up > 0 ? 'troubled' : 'stranded';
    return [{ kind }, kind === 'stranded' ? [] : [{ type: 'resume' }]];
  }
  const drains = cordon === 'drain';
  return [{ ...state, drains }, drains && !state.drains ? AWAIT_GRACE : []];
}

function leaveOr(state: NodeState, event: NodeEvent): NodeStep {
  if (event.type === 'drain')
    return [{ kind: 'draining' }, [{ type: 'stop-consuming' }, { type: 'await-grace' }]];
  return abandonOr(state, event);
}

function whenEmpty(state: NodeState, event: NodeEvent): NodeStep {
  return event.type === 'runs-ended' ? close(false) : abandonOr(state, event);
}

function abandonOr(state: NodeState, event: NodeEvent): NodeStep {
  return event.type === 'abandon' ? close(true) : [state, []];
}

function close(cut: boolean): NodeStep {
  return [{ kind: 'closing', cut }, [...(cut ? [{ type: 'cut' } as const] : []), { type: 'close-cells' }]];
}
