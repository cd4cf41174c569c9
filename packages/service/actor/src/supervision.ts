import { type Lifecycle, type Step, unreachable } from './lifecycle.js';

export interface RestartPolicy {
  /** Before the first restart, milliseconds; doubles with each death in a row. */
  readonly firstBackOffMs: number;
  /** The longest that a child lies still, milliseconds. */
  readonly maxBackOffMs: number;
  /** So many deaths within the window are too many. */
  readonly maxFailures: number;
  readonly windowMs: number;
}

/** What is remembered of a child's deaths. Times are those of the clock, milliseconds. */
interface Deaths {
  /** Since it was last seen well; counted up to {@link MAX_COUNTED}. */
  readonly inARow: number;
  /** The latest, at most `maxFailures` of them. */
  readonly at: readonly number[];
  /** What has caused each of them, where that is known. */
  readonly causes: readonly (string | null)[];
  readonly tooMany: boolean;
}

export type ChildState =
  | { readonly kind: 'starting'; readonly deaths: Deaths }
  | { readonly kind: 'up'; readonly deaths: Deaths }
  /** Dead; it is started again when its back-off is over. */
  | { readonly kind: 'resting'; readonly deaths: Deaths }
  | { readonly kind: 'stopping' }
  | { readonly kind: 'stopped' };

export type ChildEvent =
  | { readonly type: 'up' }
  | { readonly type: 'ended'; readonly at: number; readonly error: Error | null }
  /** It did what it is for, or has been up for a whole window. */
  | { readonly type: 'healthy'; readonly at: number }
  | { readonly type: 'rested' }
  | { readonly type: 'stop' };

export type ChildEffect =
  | { readonly type: 'start' }
  /** Look whether it is still up when a window has passed. */
  | { readonly type: 'watch'; readonly ms: number }
  | { readonly type: 'rest'; readonly ms: number; readonly failures: number; readonly error: Error }
  | { readonly type: 'escalate'; readonly failures: number; readonly error: Error }
  | { readonly type: 'recover' }
  | { readonly type: 'close' };

/** By then every back-off is the longest, and a number that grows for ever would make ever new states. */
const MAX_COUNTED = 50;

const NO_DEATHS: Deaths = { inARow: 0, at: [], causes: [], tooMany: false };

/**
 * A death that something from outside has caused, which may try it again and again: within a window the
 * deaths of one cause count as one, so that it cannot count a healthy child down.
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
 * The life of a child under its supervisor. One that dies is started again after a back-off; one that dies
 * too often is told of upwards, once, and goes on being started at the longest back-off. That lasts until it
 * was seen well after the deaths within the window have become fewer.
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
  const error = event.error ?? new Error('it ended by itself');
  const cause = error instanceof CausedDeath ? error.of : null;
  const before = within(policy, state.deaths, event.at);
  const isNew = cause === null || !before.causes.includes(cause);
  const inARow = isNew ? Math.min(state.deaths.inARow + 1, MAX_COUNTED) : Math.max(1, state.deaths.inARow);
  const at = (isNew ? [...before.at, event.at] : before.at).slice(-policy.maxFailures);
  const causes = (isNew ? [...before.causes, cause] : before.causes).slice(-policy.maxFailures);
  const tooMany = state.deaths.tooMany || at.length >= policy.maxFailures;
  const ms = tooMany ? policy.maxBackOffMs : backOff(policy, inARow);
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

function backOff(policy: RestartPolicy, failures: number): number {
  return Math.min(policy.firstBackOffMs * 2 ** (failures - 1), policy.maxBackOffMs);
}
