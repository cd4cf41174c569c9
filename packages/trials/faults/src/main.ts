import { playProgram } from './program.js';
import { SCENARIOS } from './scenarios/index.js';

await playProgram({
  name: 'test-faults',
  about: `Hurts real schedulers, nodes and a real redis-server, and checks that every acknowledged run ends in exactly one terminal
state.`,
  scenarios: SCENARIOS,
  page: {
    file: 'docs/faults.md',
    title: 'Faults injected, and what became of the runs',
    about: `Real processes: schedulers, worker nodes with sandboxed guests, a redis-server that syncs
every write. The demand of all scenarios: every acknowledged id ends in exactly one terminal state.`,
  },
});
