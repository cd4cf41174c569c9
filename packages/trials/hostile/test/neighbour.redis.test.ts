import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CORPUS } from '../src/corpus.js';
import { Street } from '../src/neighbour/street.js';

/**
 * Another tenant of the same node sends a hello every 200 ms during each behaviour: it gets right answers, none of them 5xx,
 * and the node stays ready. How long it waits is judged by `scripts/hostile --neighbour`, where nothing else runs.
 */

/** Redis, a scheduler and two cells start, and a busy machine takes its time; milliseconds. */
const START_MS = 180_000;

let street: Street;

beforeAll(async () => {
  street = await Street.open(1);
}, START_MS);
afterAll(() => street.close(), START_MS);

describe('the neighbour of', () => {
  it.each(CORPUS.map((behaviour) => [behaviour.number, behaviour.title, behaviour] as const))(
    '%i %s',
    async (_number, _title, behaviour) => {
      const seen = await street.play(behaviour, { hellos: 2, first: true });
      if (typeof seen !== 'string') expect(seen.faults).toEqual([]);
    },
  );
});
