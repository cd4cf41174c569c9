import { unreachable, type Lifecycle, type Step } from '@sandpiper/actor';

/** How the cells of a node are. */
interface CellsState {
  /** How many are there, idle or busy. */
  readonly up: number;
  /** How many die too often. */
  readonly troubled: number;
}

/** Of these, only a `serving` node is ready. */
export type NodeState =
  /** Its cells start; it takes no runs yet. */
  | { readonly kind: 'starting'; readonly cells: CellsState }
  | { readonly kind: 'serving' }
  /** A cell dies too often; the others go on. */
  | { readonly kind: 'troubled' }
  /** A cell dies too often, and there is no other: it takes no runs until one is back. */
  | { readonly kind: 'stranded' }
  /** It takes no runs; those that it has may end within the grace. */
  | { readonly kind: 'draining' }
  /** The grace is over: what still runs goes back to the queue. */
  | { readonly kind: 'handing-back' }
  /** `cut`: it speaks to nobody any more. */
  | { readonly kind: 'closing'; readonly cut: boolean }
  | { readonly kind: 'stopped' };

export type NodeEvent =
  /** Each cell has started, or has failed to for the first time. */
  | { readonly type: 'cells-started' }
  | { readonly type: 'cells'; readonly cells: CellsState }
  /** Leave in good order. */
  | { readonly type: 'drain' }
  /** Leave as kill -9 would, but with no process left: say nothing to the queue, which notices by itself. */
  | { readonly type: 'abandon' }
  | { readonly type: 'runs-ended' }
  | { readonly type: 'grace-over' }
  /** What was to be handed back was not, in time. */
  | { readonly type: 'hand-back-over' }
  /** None is left, nor anything of them. */
  | { readonly type: 'cells-closed' };

export type NodeEffect =
  /** Begin to take runs. */
  | { readonly type: 'consume' }
  | { readonly type: 'pause' }
  | { readonly type: 'resume' }
  /** Runs that wait for a cell here go back to the queue. */
  | { readonly type: 'hand-back-waiting' }
  /** Take no more runs, and tell when those that are here have ended. */
  | { readonly type: 'stop-consuming' }
  | { readonly type: 'await-grace' }
  | { readonly type: 'hand-back' }
  | { readonly type: 'await-hand-back' }
  | { readonly type: 'close-cells' }
  /** Part from Redis in good order. */
  | { readonly type: 'disconnect' }
  /** Part from Redis at once: what the killed guests come to must not be written as the end of their runs. */
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
        return leaveOr(state, event);
      case 'stranded':
        if (event.type === 'cells') return withCells(state, event.cells, [{ type: 'resume' }]);
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

/** @param onReturn what is to be done when it leaves the state that it is in */
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
