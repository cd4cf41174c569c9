import { unreachable, type Lifecycle, type Step } from '@sandpiper/actor';

/**
 * Why a run must stop on this node for a reason that is not its program's; the first of this list takes
 * precedence.
 */
const INTERRUPTIONS = ['lock-lost', 'cancel', 'hand-back'] as const;
export type Interruption = (typeof INTERRUPTIONS)[number];

/** What the queue does next with the job. */
export type JobOutcome =
  /** The run has its result, from us or from another node. */
  | 'completed'
  /** Put it back at once, without counting an attempt: we are leaving, or have no room. */
  | 'hand-back'
  /** Another node has the lock: nothing that we say about the job counts. */
  | 'lock-lost'
  /** The queue retries it later. */
  | 'failed';

/**
 * Why a claim is given back. After `unblamed`, `unreliable` and `failed` the run waits outside of the queue for its
 * next attempt.
 */
export type Released = Exclude<JobOutcome, 'completed'> | 'unblamed' | 'unreliable';

/** One attempt at a run, on this node. */
export type AttemptState =
  | { readonly kind: 'waiting'; readonly wanted: 'cancel' | null }
  /** It has a cell and is claiming the run. */
  | { readonly kind: 'claiming'; readonly wanted: Interruption | null }
  | { readonly kind: 'running'; readonly attempt: number; readonly wanted: Interruption | null }
  /** Its result is being written. */
  | { readonly kind: 'writing' }
  /** Its claim is being given back. */
  | {
      readonly kind: 'releasing';
      readonly outcome: Released;
      readonly error: Error | null;
    }
  | { readonly kind: 'over'; readonly outcome: JobOutcome; readonly error: Error | null };

/** What went wrong in the sandbox: this node refuses such runs; the cell died; the host lacked a resource. */
export type Breakage = 'refused' | 'again' | 'unblamed';

/**
 * What a claim reports about a run: it was cancelled before our claim, or it has crashed its worker too
 * often.
 */
type ClaimOutcome = 'run' | 'cancel' | 'poison';

export type AttemptEvent =
  | { readonly type: 'assigned' }
  /** No cell can take it: too many runs wait, or the cells are closed. */
  | { readonly type: 'no-room' }
  | { readonly type: 'claimed'; readonly attempt: number; readonly outcome: ClaimOutcome }
  /** It already has a result, or is unknown. */
  | { readonly type: 'not-claimed' }
  /**
   * Its guest ended. `killed`: by our {@link AttemptEffect} `kill`, before the program ended by itself. `again`: at its
   * wall limit, because it waited for a CPU, and its request allows one more try.
   */
  | { readonly type: 'ended'; readonly killed: boolean; readonly again: boolean }
  | { readonly type: 'broke'; readonly how: Breakage; readonly error: Error }
  /** `accepted`: the store took the result as that of the run. */
  | { readonly type: 'written'; readonly accepted: boolean }
  | { readonly type: 'released' }
  /** A claim, a result or a release did not reach the store. */
  | { readonly type: 'store-failed'; readonly error: Error }
  | { readonly type: Interruption };

export type AttemptEffect =
  | { readonly type: 'ask-for-cell' }
  | { readonly type: 'withdraw' }
  | { readonly type: 'claim' }
  | { readonly type: 'execute'; readonly attempt: number }
  | { readonly type: 'kill' }
  /** Write the guest's result, or a synthetic one for a run that was cancelled, refused or given up. */
  | {
      readonly type: 'write';
      readonly what: 'result' | 'cancelled' | 'refused' | 'given-up';
      readonly attempt: number;
    }
  | { readonly type: 'release'; readonly attempt: number; readonly why: Released }
  | { readonly type: 'count' }
  | {
      readonly type: 'lose';
      readonly reason: 'lock-lost' | 'hand-back' | 'sandbox-failure' | 'result-refused' | 'unreliable';
    }
  /** Tell the queue and release the cell. The last effect of every run. */
  | { readonly type: 'settle'; readonly outcome: JobOutcome; readonly error: Error | null };

type AttemptStep = Step<AttemptState, AttemptEffect>;

export const attemptLifecycle: Lifecycle<AttemptState, AttemptEvent, AttemptEffect> = {
  start: [{ kind: 'waiting', wanted: null }, [{ type: 'ask-for-cell' }]],
  step(state, event) {
    switch (state.kind) {
      case 'waiting':
        return whileWaiting(state, event);
      case 'claiming':
        return whileClaiming(state, event);
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

/** Nothing is claimed yet, so nothing has to be given back. */
function whileWaiting(state: Extract<AttemptState, { kind: 'waiting' }>, event: AttemptEvent): AttemptStep {
  switch (event.type) {
    case 'assigned':
      return [{ kind: 'claiming', wanted: state.wanted }, [{ type: 'claim' }]];
    case 'no-room':
      return over('hand-back');
    case 'lock-lost':
      return over('lock-lost', null, [{ type: 'withdraw' }, { type: 'lose', reason: 'lock-lost' }]);
    case 'hand-back':
      return over('hand-back', null, [{ type: 'withdraw' }]);
    case 'cancel':
      // Only a claim gives the right to write a result.
      return [{ kind: 'waiting', wanted: 'cancel' }, []];
    default:
      return [state, []];
  }
}

function whileClaiming(state: Extract<AttemptState, { kind: 'claiming' }>, event: AttemptEvent): AttemptStep {
  switch (event.type) {
    case 'claimed': {
      const { attempt, outcome } = event;
      const wanted = outcome === 'cancel' ? first(state.wanted, 'cancel') : state.wanted;
      if (wanted === 'lock-lost') return release('lock-lost', null, attempt);
      if (wanted === 'cancel') return write('cancelled', attempt);
      if (outcome === 'poison') return write('given-up', attempt);
      if (wanted === 'hand-back') return release('hand-back', null, attempt);
      return [{ kind: 'running', attempt, wanted: null }, [{ type: 'execute', attempt }]];
    }
    case 'not-claimed':
      return over('completed');
    case 'store-failed':
      return over('failed', event.error);
    case 'cancel':
    case 'lock-lost':
    case 'hand-back':
      return [{ kind: 'claiming', wanted: first(state.wanted, event.type) }, []];
    default:
      return [state, []];
  }
}

function whileRunning(state: Extract<AttemptState, { kind: 'running' }>, event: AttemptEvent): AttemptStep {
  const { attempt, wanted } = state;
  switch (event.type) {
    case 'ended':
      if (wanted === 'lock-lost') return release('lock-lost', null, attempt);
      if (wanted === 'hand-back' && event.killed) return release('hand-back', null, attempt);
      // The node that the run would go back to may be gone, and a cancelled run must end: what there is counts.
      if (event.again && wanted === null) return release('unreliable', null, attempt);
      return write('result', attempt);
    case 'broke':
      if (wanted === 'lock-lost') return release('lock-lost', null, attempt);
      // The cell was closed because the node is leaving: this is not a failure.
      if (wanted === 'hand-back') return release('hand-back', null, attempt);
      if (wanted === 'cancel') return write('cancelled', attempt);
      if (event.how === 'refused') return write('refused', attempt);
      return release(event.how === 'unblamed' ? 'unblamed' : 'failed', event.error, attempt);
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
  if (event.type === 'store-failed') return over('failed', event.error);
  if (event.type !== 'written') return [state, []];
  const effect: AttemptEffect = event.accepted
    ? { type: 'count' }
    : { type: 'lose', reason: 'result-refused' };
  return over('completed', null, [effect]);
}

function whileReleasing(
  state: Extract<AttemptState, { kind: 'releasing' }>,
  event: AttemptEvent,
): AttemptStep {
  switch (event.type) {
    case 'released': {
      if (state.outcome === 'lock-lost' || state.outcome === 'hand-back')
        return over(state.outcome, state.error, [{ type: 'lose', reason: state.outcome }]);
      // The job is finished: the run gets a new job when its delay is over.
      const reason = state.outcome === 'unreliable' ? 'unreliable' : 'sandbox-failure';
      return over('completed', null, [{ type: 'lose', reason }]);
    }
    case 'store-failed':
      return over('failed', event.error);
    case 'lock-lost':
      return [{ kind: 'releasing', outcome: 'lock-lost', error: null }, []];
    default:
      return [state, []];
  }
}

function write(what: Extract<AttemptEffect, { type: 'write' }>['what'], attempt: number): AttemptStep {
  return [{ kind: 'writing' }, [{ type: 'write', what, attempt }]];
}

function release(outcome: Released, error: Error | null, attempt: number): AttemptStep {
  return [{ kind: 'releasing', outcome, error }, [{ type: 'release', attempt, why: outcome }]];
}

function over(
  outcome: JobOutcome,
  error: Error | null = null,
  before: readonly AttemptEffect[] = [],
): AttemptStep {
  return [{ kind: 'over', outcome, error }, [...before, { type: 'settle', outcome, error }]];
}

function first(a: Interruption | null, b: Interruption): Interruption {
  return INTERRUPTIONS.find((one) => one === a || one === b) ?? b;
}
