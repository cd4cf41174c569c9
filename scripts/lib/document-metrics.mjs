// document-metrics.mjs [--check]: writes docs/metrics.md from the catalogue of metrics, or says whether it is what the
// catalogue would make of it.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { NODE_METRICS, SCHEDULER_METRICS } from '../../packages/service/telemetry/dist/index.js';

const page = new URL('../../docs/metrics.md', import.meta.url);

function row({ name, type, help, labels }) {
  const named = Object.entries(labels).map(([label, values]) => `\`${label}\`: ${values}`);
  return `| \`${name}\` | ${type} | ${help} | ${named.join('; ')} |`;
}

const table = (metrics) =>
  [
    '| metric | type | meaning | labels |',
    '| --- | --- | --- | --- |',
    ...Object.values(metrics).map(row),
  ].join('\n');

const text = `# Metrics

Made by \`node scripts/lib/document-metrics.mjs\` from the catalogue (\`packages/service/telemetry/src/metric-names.ts\`).

For operators: every metric that scheduler and nodes export at \`GET /metrics\`, in the text format of Prometheus.
Values are in seconds and bytes. prom-client adds metrics of the process (\`process_...\`, \`nodejs_...\`: CPU,
memory, garbage collection, lag of the event loop).

A scheduler that requires API keys requires one with the scope \`metrics\` for \`/metrics\`. A node's \`/metrics\` is
open: let it listen where only Prometheus can reach it. \`deploy/prometheus\` has a configuration and alert rules,
\`deploy/grafana\` a dashboard.

A label never holds what a guest or a client has chosen. \`tenant\` is a name that an administrator has chosen,
and a scrape shows at most 100 of them.

## Worker node

Each metric also has the label \`node\`.

${table(NODE_METRICS)}

## Scheduler

What is read from Redis is the same on every scheduler: take the maximum over schedulers, not the sum. While
Redis is unreachable these metrics are absent.

${table(SCHEDULER_METRICS)}
`;

if (process.argv[2] === '--check') {
  if (existsSync(page) && readFileSync(page, 'utf8') === text) process.exit(0);
  console.error('docs/metrics.md is not what the catalogue says: run node scripts/lib/document-metrics.mjs');
  process.exit(1);
}
writeFileSync(page, text);
