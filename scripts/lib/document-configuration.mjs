// document-configuration.mjs [--check]: writes docs/configuration.md from the schemas that the services read their environment
// by, or says whether it is what the schemas would make of it.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { schedulerConfigSchema as scheduler } from '../../services/scheduler/dist/config.js';
import { workerConfigSchema as node } from '../../services/worker/dist/config.js';

// zod is no dependency of the checkout itself.
const { z } = createRequire(new URL('../../services/scheduler/package.json', import.meta.url))('zod');
const page = new URL('../../docs/configuration.md', import.meta.url);

function values({ enum: names, minimum, maximum }) {
  if (names !== undefined) return names.map((name) => `\`${name}\``).join(', ');
  return minimum === undefined ? '' : `${minimum} to ${maximum}`;
}

function usual(value) {
  if (value === undefined || value === '') return '';
  return typeof value === 'number' ? `${value}` : `\`${Array.isArray(value) ? value.join(',') : value}\``;
}

function table(schema) {
  const { properties } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  const rows = Object.entries(properties).map(
    ([name, property]) =>
      `| \`${name}\` | ${usual(property.default)} | ${values(property)} | ${property.description ?? ''} |`,
  );
  return ['| variable | default | values | meaning |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

const text = `# Configuration

For operators: every setting of scheduler and nodes. Made by \`node scripts/lib/document-configuration.mjs\` from
the schemas that the services read their environment with (\`services/*/src/config.ts\`).

Environment variables are the only configuration. A service with a wrong value exits at its start and prints one
line for each wrong variable. Variables that end in \`_MS\` are in milliseconds. \`sandpiper up\` passes its own
environment to its scheduler and nodes.

## Scheduler

${table(scheduler)}

## Node

${table(node)}

These variables are about the host, and \`sandpiper run\` and \`sandpiper doctor\` read them as well:

- \`SANDPIPER_CGROUPS\`: \`auto\`, \`off\`, or the version of control groups that must be available (\`v1\`, \`v2\`).
- \`SANDPIPER_GUEST_CPUS\`: how much of a CPU a guest gets, e.g. \`0.25\` ([docs/hosts.md](hosts.md)).
- \`SANDPIPER_GUEST_UIDS\`: a range of user ids, \`60706-61183\` by default. A node that runs as root gives each of
  its cells one that no other cell on the host has.

The variables of OpenTelemetry are in [docs/tracing.md](tracing.md).

## Ceilings

\`SANDPIPER_MAX_...\` variables that name a limit are ceilings: a request that asks for more gets the ceiling.
They protect the memory of a node's controllers, which hold the files, the output and the descriptors of their
guests. A million files take 0.8 GB in one cell, so the defaults are far below what a request may ask for. The
limits in a result are those that were applied.
`;

if (process.argv[2] === '--check') {
  if (existsSync(page) && readFileSync(page, 'utf8') === text) process.exit(0);
  console.error(
    'docs/configuration.md is not what the schemas say: run node scripts/lib/document-configuration.mjs',
  );
  process.exit(1);
}
writeFileSync(page, text);
