import { unreachable, type Lifecycle, type Step } from '@sandpiper/actor';

/**
 * Why a run must stop on this node for a reason that is not its program's; the first of this list takes
 * precedence.
 */
const INTERRUPTIONS = ['lock-lost', 'cancel', 'hand-back'] as const;
export type Interruption = (typeof INTERRUPTIONS)[number];

/**
 * Why a claim is given back. After `unblamed`, `unreliable` and `failed` the run waits outside of the backlogs for its
 * next attempt.
 */
export type Released = 'hand-back' | 'lock-lost' | 'failed' | 'unblamed' | 'unreliable';

/** One attempt at a run, on this node. */
export type AttemptState =
  /** The node has just taken the run. */
  | { readonly kind: 'taken' }
  /** It waits for a cell. */
  | { readonly kind: 'waiting' }
  | { readonly kind: 'running'; readonly wanted: Interruption | null }
  /** Its result is being written. */
  | { readonly kind: 'writing' }
  /** Its claim is being given back. */
  | { readonly kind: 'releasing'; readonly why: Released }
  | { readonly kind: 'over'; readonly error: Error | null };

/** What went wrong in the sandbox: this node refuses such runs; the cell died; the host lacked a resource. */
export type Breakage = 'refused' | 'again' | 'unblamed';

/** What Redis says of a run that we take: it was cancelled before, or it has crashed its worker too often. */
type ClaimOutcome = 'run' | 'cancel' | 'poison';

export type AttemptEvent =
  | { readonly type: 'begin'; readonly outcome: ClaimOutcome }
  | { readonly type: 'assigned' }
  /** No cell can take it: too many runs wait, or the cells are closed. */
  | { readonly type: 'no-room' }
  /**
   * Its guest ended. `killed`: by our {@link AttemptEffect} `kill`, before the program ended by itself. `again`: at its
   * wall limit, because it waited for a CPU, and its request allows one more try.
   */
  | { readonly type: 'ended'; readonly killed: boolean; readonly again: boolean }
  | { readonly type: 'broke'; readonly how: Breakage; readonly error: Error }
  /** `accepted`: the store took the result as that of the run. */
  | { readonly type: 'written'; readonly accepted: boolean }
  | { readonly type: 'released' }
  /** A result or a release did not reach the store. */
  | { readonly type: 'store-failed'; readonly error: Error }
  | { readonly type: Interruption };

export type AttemptEffect =
  | { readonly type: 'ask-for-cell' }
  | { readonly type: 'withdraw' }
  | { readonly type: 'execute' }
  | { readonly type: 'kill' }
  /** Write the guest's result, or a synthetic one for a run that was cancelled, refused or given up. */
  | { readonly type: 'write'; readonly what: 'result' | 'cancelled' | 'refused' | 'given-up' }
  | { readonly type: 'release'; readonly why: Released }
  | { readonly type: 'count' }
  | {
      readonly type: 'lose';
      readonly reason: 'lock-lost' | 'hand-back' | 'sandbox-failure' | 'result-refused' | 'unreliable';
    }
  /** Release the cell. The last effect of every run. */
  | { readonly type: 'settle'; readonly error: Error | null };

type AttemptStep = Step<AttemptState, AttemptEffect>;

export const attemptLifecycle: Lifecycle<AttemptState, AttemptEvent, AttemptEffect> = {
  start: [{ kind: 'taken' }, []],
  step(state, event) {
    switch (state.kind) {
      case 'taken':
        return whenTaken(state, event);
      case 'waiting':
        return whileWaiting(state, event);
      case 'running':
        return whileRunning(state, event);
      case 'writing':
        return whileWriting(state, event);
      case 'releasing':
        return whileReleasing(state, event);
      case 'over':
        return [state, []];
      default:
        return unreachable(state);
    }
  },
  isTerminal: (state) => state.kind === 'over',
};

/** A run that was cancelled or is given up needs no cell. */
function whenTaken(state: AttemptState, event: AttemptEvent): AttemptStep {
  if (event.type !== 'begin') return [state, []];
  if (event.outcome === 'cancel') return write('cancelled');
  if (event.outcome === 'poison') return write('given-up');
  return [{ kind: 'waiting' }, [{ type: 'ask-for-cell' }]];
}

function whileWaiting(state: AttemptState, event: AttemptEvent): AttemptStep {
  switch (event.type) {
    case 'assigned':
      return [{ kind: 'running', wanted: null }, [{ type: 'execute' }]];
    case 'no-room':
      return release('hand-back');
    case 'lock-lost':
    case 'hand-back':
      return release(event.type, [{ type: 'withdraw' }]);
    case 'cancel':
      return write('cancelled', [{ type: 'withdraw' }]);
    default:
      return [state, []];
  }
}

function whileRunning(state: Extract<AttemptState, { kind: 'running' }>, event: AttemptEvent): AttemptStep {
  const { wanted } = state;
  switch (event.type) {
    case 'ended':
      if (wanted === 'lock-lost') return release('lock-lost');
      if (wanted === 'hand-back' && event.killed) return release('hand-back');
      // The node that the run would go back to may be gone, and a cancelled run must end: what there is counts.
      if (event.again && wanted === null) return release('unreliable');
      return write('result');
    case 'broke':
      if (wanted === 'lock-lost') return release('lock-lost');
      // The cell was closed because the node is leaving: this is not a failure.
      if (wanted === 'hand-back') return release('hand-back');
      if (wanted === 'cancel') return write('cancelled');
      if (event.how === 'refused') return write('refused');
      return release(event.how === 'unblamed' ? 'unblamed' : 'failed');
    case 'cancel':
    case 'lock-lost':
    case 'hand-back':
      return [{ ...state, wanted: first(wanted, event.type) }, wanted === null ? [{ type: 'kill' }] : []];
    default:
      return [state, []];
  }
}

/** The store decides whether the result counts; an interruption changes nothing. */
function whileWriting(state: AttemptState, event: AttemptEvent): AttemptStep {
  if (event.type === 'store-failed') return over(event.error);
  if (event.type !== 'written') return [state, []];
  return over(null, [event.accepted ? { type: 'count' } : { type: 'lose', reason: 'result-refused' }]);
}

/** How an attempt that is given back is counted. */
const LOSSES = {
  'lock-lost': 'lock-lost',
  'hand-back': 'hand-back',
  unreliable: 'unreliable',
  failed: 'sandbox-failure',
  unblamed: 'sandbox-failure',
} as const satisfies Record<Released, Extract<AttemptEffect, { type: 'lose' }>['reason']>;

function whileReleasing(
  state: Extract<AttemptState, { kind: 'releasing' }>,
  event: AttemptEvent,
): AttemptStep {
  if (event.type === 'store-failed') return over(event.error);
  if (event.type !== 'released') return [state, []];
  return over(null, [{ type: 'lose', reason: LOSSES[state.why] }]);
}

function write(
  what: Extract<AttemptEffect, { type: 'write' }>['what'],
  before: readonly AttemptEffect[] = [],
): AttemptStep {
  return [{ kind: 'writing' }, [...before, { type: 'write', what }]];
}

function release(why: Released, before: readonly AttemptEffect[] = []): AttemptStep {
  return [{ kind: 'releasing', why }, [...before, { type: 'release', why }]];
}

function over(error: Error | null, before: readonly AttemptEffect[] = []): AttemptStep {
  return [{ kind: 'over', error }, [...before, { type: 'settle', error }]];
}

function first(a: Interruption | null, b: Interruption): Interruption {
  return INTERRUPTIONS.find((one) => one === a || one === b) ?? b;
}
