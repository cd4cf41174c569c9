import { describe, it } from 'vitest';
import { batchKills } from '../src/scenarios/batch-kills.js';
import { nodeKills } from '../src/scenarios/node-kills.js';
import { nodePauses } from '../src/scenarios/node-pauses.js';
import { poison } from '../src/scenarios/poison.js';
import { mixedNodes } from '../src/scenarios/mixed-nodes.js';
import { redisKills } from '../src/scenarios/redis-kills.js';
import { expectMet, silent } from './expect-met.js';

/** The scenarios of scripts/test-faults that matter most, in a short version. */

describe('no acknowledged run is lost, and none ends twice,', () => {
  it('when nodes are killed with -9', () => expectMet(nodeKills(silent, { runs: 100, kills: 5, nodes: 2 })));

  it('when Redis is killed with -9', () => expectMet(redisKills(silent, { runs: 60, kills: 2 })));

  it('when a node is paused past its lease and resumes', () => expectMet(nodePauses(silent, 2)));

  it('when the scheduler is killed midway through a batch', () =>
    expectMet(batchKills(silent, { runs: 300, kills: 1 })));

  it('when a node of three with different runtimes is killed', () => expectMet(mixedNodes(silent, 120)));

  it('when a run that kills its nodes is given up', () => expectMet(poison(silent, 20)));
});
