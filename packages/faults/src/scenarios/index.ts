import type { Scenario } from '../stage.js';
import { nodeKills } from './node-kills.js';

/** All of them, in the order in which they are played. */
export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'node-kills',
    title: 'nodes are killed with -9 at random moments',
    play: (stage, quick) =>
      nodeKills(stage, quick ? { runs: 250, kills: 10, nodes: 3 } : { runs: 5000, kills: 200, nodes: 4 }),
  },
];
