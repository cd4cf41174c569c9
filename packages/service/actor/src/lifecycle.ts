/**
 * A state says which it is; what else it holds is plain data, so that two can be compared and written down.
 */
export interface Tagged {
  readonly kind: string;
}

interface Typed {
  readonly type: string;
}

/** Where a transition leads, and what is to be done now, in order. */
export type Step<S extends Tagged, F extends Typed> = readonly [S, readonly F[]];

/**
 * The life of something as a pure function. It answers every event in every state; a state that an event
 * means nothing to comes back as it is, with no effects.
 */
export interface Lifecycle<S extends Tagged, E extends Typed, F extends Typed> {
  readonly start: Step<S, F>;
  readonly step: (state: S, event: E) => Step<S, F>;
  /** Nothing happens any more: the state never changes again, and whoever runs the lifecycle may leave. */
  readonly isTerminal: (state: S) => boolean;
}

/** For the end of a `switch` over all cases: does not compile when one is missing. */
export function unreachable(value: never): never {
  throw new Error(`a case that is not there: ${JSON.stringify(value)}`);
}

export interface Edge<S extends Tagged, E extends Typed, F extends Typed> {
  readonly from: S;
  readonly event: E;
  readonly to: S;
  readonly effects: readonly F[];
}

/**
 * Every transition that can be reached from the start by the given events. For tests and for drawings.
 * @throws RangeError when there are more than `most` states: a lifecycle that counts without a bound
 */
export function explore<S extends Tagged, E extends Typed, F extends Typed>(
  lifecycle: Lifecycle<S, E, F>,
  events: readonly E[],
  most = 5_000,
): Edge<S, E, F>[] {
  const [first] = lifecycle.start;
  const seen = new Set([JSON.stringify(first)]);
  const open = [first];
  const edges: Edge<S, E, F>[] = [];
  for (let from = open.shift(); from !== undefined; from = open.shift()) {
    for (const event of events) {
      const [to, effects] = lifecycle.step(from, event);
      edges.push({ from, event, to, effects });
      const key = JSON.stringify(to);
      if (seen.has(key)) continue;
      if (seen.size >= most) throw new RangeError(`more than ${most} states`);
      seen.add(key);
      open.push(to);
    }
  }
  return edges;
}
