import type { Scenario } from '../stage.js';
import { fullRedis } from './full-redis.js';
import { largeBatch } from './large-batch.js';
import { largeBodies } from './large-bodies.js';
import { poisonRuns } from './poison-runs.js';
import { smallRedis } from './small-redis.js';
import { streamFlood } from './stream-flood.js';

const MIB = 1024 * 1024;

/** What one tenant does, and how it affects the others; in the order in which they are played. */
export const TENANT_SCENARIOS: readonly Scenario[] = [
  {
    name: 'large-batch',
    title: 'a batch of results of 8 MiB, read repeatedly by two slow readers',
    play: (stage, quick) =>
      largeBatch(
        stage,
        quick
          ? { runs: 20, bytes: 8 * MIB, times: 4, clocks: false }
          : { runs: 200, bytes: 8 * MIB, times: 20, clocks: true },
      ),
  },
  {
    name: 'large-bodies',
    title: 'bodies of 60 MiB, 24 at once',
    play: (stage, quick) => largeBodies(stage, { count: 24, bytes: 60 * MIB, clocks: !quick }),
  },
  {
    name: 'full-redis',
    title: 'one tenant fills Redis, to its quota and to the global ceiling',
    play: (stage, quick) =>
      fullRedis(stage, {
        rounds: quick ? 1.5 : 4,
        quotaBytes: 48 * MIB,
        ceilingBytes: (quick ? 96 : 192) * MIB,
      }),
  },
  {
    name: 'small-redis',
    title: 'a Redis of 60 MB is filled, and out of memory until a purge',
    play: (stage) => smallRedis(stage),
  },
  {
    name: 'stream-flood',
    title: 'one tenant follows a batch more often than the scheduler has streams',
    play: (stage, quick) => streamFlood(stage, { most: quick ? 20 : 200 }),
  },
  {
    name: 'poison-runs',
    title: 'ten requests too large for a keeper, and ten runs that take their cell with them',
    play: (stage, quick) => poisonRuns(stage, quick ? 3 : 10),
  },
];
