import type { Work } from '@sandpiper/vfs';

/** An open file, as far as this asks it. */
interface Pollable {
  /** Whether it is a set of others, whose answer depends on theirs. */
  readonly isSet: boolean;
  poll(readiness: Readiness): number;
}

/** Sets within sets are looked into so deep; what lies deeper is never ready (Linux refuses to make it: epoll_ctl(2), ELOOP). */
const MAX_DEPTH = 4;

/**
 * What is ready, as one call sees it. Each open file is asked once, however often it is named and in however many sets it
 * is watched: the guest does nothing meanwhile, so nothing of it changes.
 */
export class Readiness {
  /** By how many sets lie above: of a set, that says how far it is looked into. */
  readonly #known = Array.from({ length: MAX_DEPTH }, () => new Map<Pollable, number>());
  #depth = 0;

  constructor(private readonly work: Work) {}

  /** Which of POLL.IN, OUT, HUP, ERR hold. */
  of(file: Pollable): number {
    this.work.step();
    if (file.isSet && this.#depth >= MAX_DEPTH) return 0;
    const known = this.#known[file.isSet ? this.#depth : 0] as Map<Pollable, number>;
    let events = known.get(file);
    if (events === undefined) {
      events = file.isSet ? this.#within(file) : file.poll(this);
      known.set(file, events);
    }
    return events;
  }

  #within(set: Pollable): number {
    this.#depth++;
    try {
      return set.poll(this);
    } finally {
      this.#depth--;
    }
  }
}
