import { backOff } from '@sandpiper/contracts';
import { type Lifecycle, type Step, unreachable } from './lifecycle.js';

export interface RestartPolicy {
  /** Back-off before the first restart, milliseconds; it doubles with each death in a row. */
  readonly firstBackOffMs: number;
  /** Maximum back-off, milliseconds. */
  readonly maxBackOffMs: number;
  /** This number of deaths within the window is too many. */
  readonly maxFailures: number;
  readonly windowMs: number;
}

/** A lifecycle is a pure function of its state and event. */
const WITHOUT_JITTER = (): number => 1;

/** The remembered deaths of a child. Times are clock times, milliseconds. */
interface Deaths {
  /** Deaths since it was last healthy, counted up to {@link MAX_COUNTED}. */
  readonly inARow: number;
  /** The latest deaths, at most `maxFailures`. */
  readonly at: readonly number[];
  /** The cause of each, where known. */
  readonly causes: readonly (string | null)[];
  readonly tooMany: boolean;
}

export type ChildState =
  | { readonly kind: 'starting'; readonly deaths: Deaths }
  | { readonly kind: 'up'; readonly deaths: Deaths }
  /** Dead; it is restarted after its back-off. */
  | { readonly kind: 'resting'; readonly deaths: Deaths }
  | { readonly kind: 'stopping' }
  | { readonly kind: 'stopped' };

export type ChildEvent =
  | { readonly type: 'up' }
  | { readonly type: 'ended'; readonly at: number; readonly error: Error | null }
  /** It has done useful work, or has been up for a whole window. */
  | { readonly type: 'healthy'; readonly at: number }
  | { readonly type: 'rested' }
  | { readonly type: 'stop' };

export type ChildEffect =
  | { readonly type: 'start' }
  /** Check after a window whether it is still up. */
  | { readonly type: 'watch'; readonly ms: number }
  | { readonly type: 'rest'; readonly ms: number; readonly failures: number; readonly error: Error }
  | { readonly type: 'escalate'; readonly failures: number; readonly error: Error }
  | { readonly type: 'recover' }
  | { readonly type: 'close' };

/** At this count every back-off is at its maximum; an unbounded counter would create ever new states. */
const MAX_COUNTED = 50;

const NO_DEATHS: Deaths = { inARow: 0, at: [], causes: [], tooMany: false };

/**
 * A death with an external cause, which may strike repeatedly: within a window the deaths of one cause count
 * once, so that it cannot condemn a healthy child.
 */
export class CausedDeath extends Error {
  override readonly name = 'CausedDeath';

  constructor(
    readonly died: Error,
    readonly of: string,
  ) {
    super(died.message, { cause: died });
  }
}

/**
 * The lifecycle of a supervised child. After a death it is restarted with back-off; after too many deaths the
 * supervisor escalates once, and restarts continue at the maximum back-off. This ends when the child is
 * healthy and fewer deaths remain within the window.
 */
export function childLifecycle(policy: RestartPolicy): Lifecycle<ChildState, ChildEvent, ChildEffect> {
  return {
    start: [{ kind: 'starting', deaths: NO_DEATHS }, [{ type: 'start' }]],
    step: (state, event) => step(policy, state, event),
    isTerminal: (state) => state.kind === 'stopped',
  };
}

function step(policy: RestartPolicy, state: ChildState, event: ChildEvent): Step<ChildState, ChildEffect> {
  switch (state.kind) {
    case 'starting':
      if (event.type === 'up') {
        return [{ kind: 'up', deaths: state.deaths }, [{ type: 'watch', ms: policy.windowMs }]];
      }
      return endsOrStops(policy, state, event);
    case 'up':
      if (event.type === 'healthy') return healthy(policy, state, event.at);
      return endsOrStops(policy, state, event);
    case 'resting':
      if (event.type === 'rested') return [{ kind: 'starting', deaths: state.deaths }, [{ type: 'start' }]];
      if (event.type === 'stop') return [{ kind: 'stopped' }, []];
      return [state, []];
    case 'stopping':
      return [event.type === 'ended' ? { kind: 'stopped' } : state, []];
    case 'stopped':
      return [state, []];
    default:
      return unreachable(state);
  }
}

function endsOrStops(
  policy: RestartPolicy,
  state: Extract<ChildState, { kind: 'starting' | 'up' }>,
  event: ChildEvent,
): Step<ChildState, ChildEffect> {
  if (event.type === 'stop') return [{ kind: 'stopping' }, [{ type: 'close' }]];
  if (event.type !== 'ended') return [state, []];
  const error = event.error ?? new Error('it ended unexpectedly');
  const cause = error instanceof CausedDeath ? error.of : null;
  const before = within(policy, state.deaths, event.at);
  const isNew = cause === null || !before.causes.includes(cause);
  const inARow = isNew ? Math.min(state.deaths.inARow + 1, MAX_COUNTED) : Math.max(1, state.deaths.inARow);
  const at = (isNew ? [...before.at, event.at] : before.at).slice(-policy.maxFailures);
  const causes = (isNew ? [...before.causes, cause] : before.causes).slice(-policy.maxFailures);
  const tooMany = state.deaths.tooMany || at.length >= policy.maxFailures;
  const ms = tooMany
    ? policy.maxBackOffMs
    : backOff(inARow, { firstMs: policy.firstBackOffMs, maxMs: policy.maxBackOffMs }, WITHOUT_JITTER);
  const effects: ChildEffect[] = [{ type: 'rest', ms, failures: inARow, error }];
  if (tooMany && !state.deaths.tooMany) effects.push({ type: 'escalate', failures: at.length, error });
  return [{ kind: 'resting', deaths: { inARow, at, causes, tooMany } }, effects];
}

function healthy(
  policy: RestartPolicy,
  state: Extract<ChildState, { kind: 'up' }>,
  now: number,
): Step<ChildState, ChildEffect> {
  const { deaths } = state;
  if (deaths.inARow === 0 && !deaths.tooMany) return [state, []];
  const { at, causes } = within(policy, deaths, now);
  const tooMany = deaths.tooMany && at.length >= policy.maxFailures;
  const recovered = deaths.tooMany && !tooMany;
  return [{ kind: 'up', deaths: { inARow: 0, at, causes, tooMany } }, recovered ? [{ type: 'recover' }] : []];
}

function within(
  policy: RestartPolicy,
  { at, causes }: Pick<Deaths, 'at' | 'causes'>,
  now: number,
): Pick<Deaths, 'at' | 'causes'> {
  const isRecent = (time: number): boolean => now - time < policy.windowMs;
  return { at: at.filter(isRecent), causes: causes.filter((_, i) => isRecent(at[i] ?? -Infinity)) };
}
