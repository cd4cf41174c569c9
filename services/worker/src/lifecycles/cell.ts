import { unreachable, type Lifecycle, type Step } from '@sandpiper/actor';

/**
 * One cell from its start to its end. After a death its successor starts from the beginning: see the
 * lifecycle of a supervised child.
 */
export type CellState =
  | { readonly kind: 'starting' }
  /** It is starting, and will be closed as soon as it has started. */
  | { readonly kind: 'unwanted' }
  | { readonly kind: 'idle' }
  /** `killed`: its guest is being killed. */
  | { readonly kind: 'busy'; readonly run: string; readonly killed: boolean }
  /** It is being cleared away: guest killed and reaped, control group removed, keeper and thread ended. */
  | { readonly kind: 'closing'; readonly error: Error | null }
  /** It is gone without remains. `error` is why it died, null when it was asked to close. */
  | { readonly kind: 'closed'; readonly error: Error | null };

export type CellEvent =
  | { readonly type: 'started' }
  | { readonly type: 'not-started'; readonly error: Error }
  | { readonly type: 'assign'; readonly run: string }
  | { readonly type: 'finished'; readonly run: string }
  | { readonly type: 'cancel'; readonly run: string }
  /** Its keeper or its thread has died. */
  | { readonly type: 'died'; readonly error: Error }
  | { readonly type: 'close' }
  /** The error is null when nothing remains. */
  | { readonly type: 'cleared'; readonly error: Error | null };

export type CellEffect =
  | { readonly type: 'build' }
  /** Tell the supervisor that it is up. */
  | { readonly type: 'up' }
  /** Tell the node that it can take a run. */
  | { readonly type: 'offer' }
  | { readonly type: 'begin'; readonly run: string }
  /** Refuse the run; the sender keeps it. */
  | { readonly type: 'refuse'; readonly run: string }
  | { readonly type: 'kill'; readonly run: string }
  /** Tell the supervisor that it is healthy. */
  | { readonly type: 'healthy' }
  | { readonly type: 'clear' };

type CellStep = Step<CellState, CellEffect>;

export const cellLifecycle: Lifecycle<CellState, CellEvent, CellEffect> = {
  start: [{ kind: 'starting' }, [{ type: 'build' }]],
  step(state, event) {
    switch (state.kind) {
      case 'starting':
        return whileStarting(state, event);
      case 'unwanted':
        if (event.type === 'started') return [{ kind: 'closing', error: null }, [{ type: 'clear' }]];
        if (event.type === 'not-started') return [{ kind: 'closed', error: null }, []];
        return elsewhere(state, event);
      case 'idle':
        if (event.type === 'assign') return begin(event.run);
        return endOr(state, event);
      case 'busy':
        return whileBusy(state, event);
      case 'closing':
        if (event.type === 'cleared') return [{ kind: 'closed', error: state.error ?? event.error }, []];
        return elsewhere(state, event);
      case 'closed':
        // In this state its mailbox answers `stopped`.
        return [state, []];
      default:
        return unreachable(state);
    }
  },
  isTerminal: (state) => state.kind === 'closed',
};

function whileStarting(state: CellState, event: CellEvent): CellStep {
  if (event.type === 'started') return [{ kind: 'idle' }, [{ type: 'up' }, { type: 'offer' }]];
  if (event.type === 'not-started') return [{ kind: 'closed', error: event.error }, []];
  if (event.type === 'close') return [{ kind: 'unwanted' }, []];
  return elsewhere(state, event);
}

function begin(run: string): CellStep {
  return [{ kind: 'busy', run, killed: false }, [{ type: 'begin', run }]];
}

function whileBusy(state: Extract<CellState, { kind: 'busy' }>, event: CellEvent): CellStep {
  if (event.type === 'finished' && event.run === state.run) {
    return [{ kind: 'idle' }, [{ type: 'healthy' }, { type: 'offer' }]];
  }
  if (event.type === 'cancel' && event.run === state.run && !state.killed) {
    return [{ ...state, killed: true }, [{ type: 'kill', run: state.run }]];
  }
  return endOr(state, event);
}

function endOr(state: CellState, event: CellEvent): CellStep {
  if (event.type === 'died') return [{ kind: 'closing', error: event.error }, [{ type: 'clear' }]];
  if (event.type === 'close') return [{ kind: 'closing', error: null }, [{ type: 'clear' }]];
  return elsewhere(state, event);
}

/** A run that cannot be taken is refused; all other events are late or concern another run. */
function elsewhere(state: CellState, event: CellEvent): CellStep {
  return [state, event.type === 'assign' ? [{ type: 'refuse', run: event.run }] : []];
}
