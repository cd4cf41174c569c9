import { describe, expect, it } from 'vitest';
import type { Finding } from '../src/finding.js';
import { batchKills } from '../src/scenarios/batch-kills.js';
import { nodeKills } from '../src/scenarios/node-kills.js';
import { nodePauses } from '../src/scenarios/node-pauses.js';
import { poison } from '../src/scenarios/poison.js';
import { redisKills } from '../src/scenarios/redis-kills.js';
import type { Stage } from '../src/stage.js';

/** The scenarios of scripts/test-faults that matter most, in a short version. */

const stage: Stage = { say: () => undefined, keep: false };

/** Every demand with what was seen, so that a failure says which. */
async function expectMet(playing: Promise<Finding[]>): Promise<void> {
  const findings = await playing;
  const unmet = findings.filter(({ met }) => met === false);
  expect(unmet.map(({ what, measured, demanded }) => `${what}: ${measured}, not ${demanded}`)).toEqual([]);
  expect(findings.some(({ met }) => met === true)).toBe(true);
}

describe('no acknowledged run is lost, and none ends twice,', () => {
  it('when nodes are killed with -9', () => expectMet(nodeKills(stage, { runs: 100, kills: 5, nodes: 2 })));

  it('when Redis is killed with -9', () => expectMet(redisKills(stage, { runs: 60, kills: 2 })));

  it('when a node is stopped past its lease, and goes on', () => expectMet(nodePauses(stage, 2)));

  it('when the scheduler is killed in the middle of taking a batch', () =>
    expectMet(batchKills(stage, { runs: 300, kills: 1 })));

  it('when a run kills its nodes, which is given up', () => expectMet(poison(stage, 20)));
});
