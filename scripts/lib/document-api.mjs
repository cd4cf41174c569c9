// document-api.mjs [--check]: writes docs/openapi.json, the document that a scheduler answers at /openapi.json, or says
// whether it is the same.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connectFailFast, connectSubscriber } from '../../packages/service/store/dist/index.js';
import { createLogger } from '../../packages/service/telemetry/dist/index.js';
import { buildApp } from '../../services/scheduler/dist/index.js';

const page = new URL('../../docs/openapi.json', import.meta.url);

/** No Redis is there, and none is needed: the service describes itself without it. */
const NO_REDIS = '/nonexistent/redis.sock';

async function documentOfService() {
  const app = await buildApp({
    redis: connectFailFast(NO_REDIS),
    bulk: [],
    subscriber: connectSubscriber(NO_REDIS),
    log: createLogger({ service: 'document-api', level: 'silent' }),
    bodyLimit: 1024,
    batchLimit: 1024,
    maxQueue: 1,
    retention: {},
    auth: { on: false, adminKey: null },
  });
  const answer = await app.inject('/openapi.json');
  await app.close();
  if (answer.statusCode !== 200) throw new Error(`/openapi.json answered ${answer.statusCode}`);
  return answer.json();
}

const sorted = (object) =>
  Object.fromEntries(Object.entries(object).sort(([one], [other]) => (one < other ? -1 : 1)));

/** Paths and schemas by name, so that a route that moves within the sources changes nothing here. */
function render({ components, paths, ...rest }) {
  const schemas = sorted(components.schemas);
  return `${JSON.stringify({ ...rest, paths: sorted(paths), components: { ...components, schemas } }, null, 2)}\n`;
}

const text = render(await documentOfService());
if (process.argv[2] === '--check') {
  if (existsSync(page) && readFileSync(page, 'utf8') === text) process.exit(0);
  console.error('docs/openapi.json is not what the service answers: run node scripts/lib/document-api.mjs');
  process.exit(1);
}
writeFileSync(page, text);
