import { playProgram } from './program.js';
import { TENANT_SCENARIOS } from './tenants/index.js';

await playProgram({
  name: 'test-tenants',
  about: `Lets one tenant of a real service do what hurts (large results, large bodies, a full Redis, runs that kill their cell), and
checks what another tenant sees: right answers, no 5xx, in time. Times are judged only without --quick, for which the
machine must have nothing else to do.`,
  scenarios: TENANT_SCENARIOS,
  page: {
    file: 'docs/tenants.md',
    title: 'What one tenant did, and how it affected the others',
    about: `Real processes: a scheduler, a node of two cells with sandboxed guests, a redis-server that syncs every
write; clients are processes of their own. Another tenant sends a small run every 200 ms meanwhile.`,
  },
});
