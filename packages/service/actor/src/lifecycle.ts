/** A state has a tag; its other fields are plain data, so that states can be compared and printed. */
export interface Tagged {
  readonly kind: string;
}

interface Typed {
  readonly type: string;
}

/** The next state, and the effects to perform, in order. */
export type Step<S extends Tagged, F extends Typed> = readonly [S, readonly F[]];

/**
 * A lifecycle as a pure function. It answers every event in every state; an event without meaning in a state
 * returns the state unchanged, without effects.
 */
export interface Lifecycle<S extends Tagged, E extends Typed, F extends Typed> {
  readonly start: Step<S, F>;
  readonly step: (state: S, event: E) => Step<S, F>;
  /** Whether the state is terminal: it never changes again, and the runner of the lifecycle may stop. */
  readonly isTerminal: (state: S) => boolean;
}

/** For the end of an exhaustive `switch`: does not compile when a case is missing. */
export function unreachable(value: never): never {
  throw new Error(`unexpected case: ${JSON.stringify(value)}`);
}

export interface Edge<S extends Tagged, E extends Typed, F extends Typed> {
  readonly from: S;
  readonly event: E;
  readonly to: S;
  readonly effects: readonly F[];
}

/**
 * Explores all transitions that the given events can reach from the start. For tests and drawings.
 * @throws RangeError above `most` states: a lifecycle with an unbounded counter
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
