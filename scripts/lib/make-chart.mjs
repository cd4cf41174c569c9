// make-chart.mjs [--check]: writes the parts of deploy/helm/sandpiper that follow from other files, or says whether they are
// what would be written: values.schema.json, whose settings are those of docs/configuration.md, and files/, whose alert rules
// and dashboard are those of deploy/prometheus and deploy/grafana. A chart cannot read files outside of its folder.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { valuesSchema } from './chart-schema.mjs';

const top = new URL('../../', import.meta.url);
const read = (path) => readFileSync(new URL(path, top), 'utf8');
const chart = 'deploy/helm/sandpiper';

const files = {
  [`${chart}/values.schema.json`]: `${JSON.stringify(valuesSchema(read('docs/configuration.md')), null, 2)}\n`,
  [`${chart}/files/alerts.yml`]: read('deploy/prometheus/alerts.yml'),
  [`${chart}/files/dashboard.json`]: read('deploy/grafana/sandpiper.json'),
};

if (process.argv[2] === '--check') {
  const stale = Object.entries(files)
    .filter(([path, text]) => !existsSync(new URL(path, top)) || read(path) !== text)
    .map(([path]) => path);
  for (const path of stale) console.error(`${path} is stale: run node scripts/lib/make-chart.mjs`);
  process.exit(stale.length === 0 ? 0 : 1);
}
for (const [path, text] of Object.entries(files)) writeFileSync(new URL(path, top), text);
