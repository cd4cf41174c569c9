import { describe, it } from 'vitest';
import { largeBatch } from '../src/tenants/large-batch.js';
import { largeBodies } from '../src/tenants/large-bodies.js';
import { expectMet, silent } from './expect-met.js';

/** The scenarios of scripts/test-tenants in a short version: right answers and bytes, and no clock. */

const MIB = 1024 * 1024;

describe('another tenant gets right answers, and none of them 5xx,', () => {
  it('while a batch of large results is read by slow readers', () =>
    expectMet(largeBatch(silent, { runs: 12, bytes: 8 * MIB, times: 2, clocks: false })));

  it('while large bodies come all at once', () =>
    expectMet(largeBodies(silent, { count: 12, bytes: 60 * MIB, clocks: false })));
});
