import { describe, it } from 'vitest';
import { fullRedis } from '../src/tenants/full-redis.js';
import { largeBatch } from '../src/tenants/large-batch.js';
import { largeBodies } from '../src/tenants/large-bodies.js';
import { poisonRuns } from '../src/tenants/poison-runs.js';
import { smallRedis } from '../src/tenants/small-redis.js';
import { streamFlood } from '../src/tenants/stream-flood.js';
import { expectMet, silent } from './expect-met.js';

/** The scenarios of scripts/test-tenants in a short version: right answers and bytes, and no clock. */

const MIB = 1024 * 1024;

describe('another tenant gets right answers, and none of them 5xx,', () => {
  it('while a batch of large results is read by slow readers', () =>
    expectMet(largeBatch(silent, { runs: 12, bytes: 8 * MIB, times: 2, clocks: false })));

  it('while large bodies arrive all at once', () =>
    expectMet(largeBodies(silent, { count: 12, bytes: 60 * MIB, clocks: false })));

  it('while Redis is filled to the quota and to the ceiling, and the filler after a purge too', () =>
    expectMet(fullRedis(silent, { rounds: 1.5, quotaBytes: 32 * MIB, ceilingBytes: 64 * MIB })));

  it('while a Redis of 60 MB is filled, and purges make room', () => expectMet(smallRedis(silent)));

  it('while one tenant follows a batch more often than there are streams', () =>
    expectMet(streamFlood(silent, { most: 20 })));

  it('while arguments of 6 MB come, and runs kill their cells', () => expectMet(poisonRuns(silent, 2)));
});
