// document-configuration.mjs [--check]: writes docs/configuration.md from the schemas that the services read their environment
// by, or says whether it is what the schemas would make of it.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { configSchema as scheduler } from '../../services/scheduler/dist/config.js';
import { configSchema as node } from '../../services/worker/dist/config.js';

// zod is no dependency of the checkout itself.
const { z } = createRequire(new URL('../../services/scheduler/package.json', import.meta.url))('zod');
const page = new URL('../../docs/configuration.md', import.meta.url);

const figure = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, ' ');

function values({ enum: names, minimum, maximum }) {
  if (names !== undefined) return names.map((name) => `\`${name}\``).join(', ');
  return minimum === undefined ? '' : `${figure(minimum)} to ${figure(maximum)}`;
}

function usual(value) {
  if (value === undefined || value === '') return '';
  return typeof value === 'number' ? figure(value) : `\`${Array.isArray(value) ? value.join(',') : value}\``;
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

Made by \`node scripts/lib/document-configuration.mjs\` from the schemas that scheduler and nodes read their environment by
(\`services/*/src/config.ts\`). Both are configured by it alone; what is wrong ends them at their start with a line for each
variable at fault. Names that end in \`_MS\` are milliseconds. \`sandpiper up\` gives its scheduler and nodes what is in its own
environment.

## Scheduler

${table(scheduler)}

## Node

${table(node)}

Of the host besides, for \`sandpiper run\` and \`sandpiper doctor\` as well: \`SANDPIPER_CGROUPS\` is \`auto\`, or the control groups that
must be there (\`v1\`, \`v2\`), or \`off\`; \`SANDPIPER_GUEST_CPUS\` is how much of a CPU a guest gets, e.g. \`0.25\`
([docs/hosts.md](hosts.md)); \`SANDPIPER_GUEST_UIDS\` is the range of user ids, \`60706-61183\` by default, of which a
node of root gives each of its cells one that no other cell on the host has. Those of OpenTelemetry stand in [docs/tracing.md](tracing.md).

## Ceilings

The limits of a run are held in different places. What a ceiling of the scheduler protects is the memory of a node's controllers:
files, output and descriptors of a guest are theirs. A million files take 0.8 GB of one cell's, so the defaults stay far below what
one request may ask for. A run that was given less than it asked for says so: the limits in its result are those that held.
`;

if (process.argv[2] === '--check') {
  if (existsSync(page) && readFileSync(page, 'utf8') === text) process.exit(0);
  console.error(
    'docs/configuration.md is not what the schemas say: run node scripts/lib/document-configuration.mjs',
  );
  process.exit(1);
}
writeFileSync(page, text);
