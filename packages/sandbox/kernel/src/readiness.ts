import type { Work } from '@sandpiper/vfs';

/** What this needs to know of an open file. */
interface Pollable {
  /** Whether it is a set of other descriptors, whose readiness depends on theirs. */
  readonly isSet: boolean;
  poll(readiness: Readiness): number;
}

/**
 * How deep nested sets are searched; deeper ones are never ready (Linux refuses to make them: epoll_ctl(2),
 * ELOOP).
 */
const MAX_DEPTH = 4;

/**
 * Readiness as one call sees it. Each open file is asked once, however often it is named and in however many
 * sets it is watched: the guest is stopped meanwhile, so nothing changes.
 */
export class Readiness {
  /** By the number of sets above: for a set, that decides how far it is searched. */
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
