// render-manifests.mjs [--check]: writes deploy/kubernetes from the chart, for `kubectl apply`, or says whether it is what
// would be written. TEST_HELM, or .tools/helm/helm of scripts/test, is the helm: golden files come from one version.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const top = new URL('../../', import.meta.url);
const folder = new URL('deploy/kubernetes/', top);
const helm = process.env.TEST_HELM ?? fileURLToPath(new URL('.tools/helm/helm', top));

const KEYS = { admin: { secret: 'sandpiper-keys' }, metrics: { secret: 'sandpiper-metrics' } };
const REDIS = { url: 'redis://redis.redis.svc:6379', password: { secret: 'sandpiper-redis' } };

const FILES = {
  'sandpiper.yaml': {
    about: 'Two schedulers and a pool of two workers. Redis is yours: change SANDPIPER_REDIS_URL everywhere.',
    values: { keys: { admin: KEYS.admin }, redis: REDIS },
  },
  'try-out.yaml': {
    about: 'The same with a single Redis, to try Sandpiper out. Not for production.',
    values: { keys: { admin: KEYS.admin }, redis: { tryOut: { enabled: true } } },
  },
  'keda.yaml': {
    about: 'As sandpiper.yaml, with a pool that KEDA scales from 0 to 10 by the load of the scheduler.',
    values: {
      keys: KEYS,
      redis: REDIS,
      pools: [{ name: 'default', cells: 2, autoscaling: { kind: 'keda', min: 0, max: 10 } }],
    },
  },
  'monitoring.yaml': {
    about:
      'Monitors and alert rules for the Prometheus operator, and the dashboard for the sidecar of Grafana.',
    values: { keys: KEYS, redis: REDIS, monitoring: { enabled: true } },
    only: 'templates/monitoring/',
  },
};

const NAMESPACE = `apiVersion: v1
kind: Namespace
metadata:
  name: sandpiper
  labels:
    # Every pod of Sandpiper meets the restricted Pod Security Standard.
    pod-security.kubernetes.io/enforce: restricted
    pod-security.kubernetes.io/enforce-version: latest
`;

/** Documents of one rendering, each with the template that it comes from. */
function documents(values) {
  const args = ['template', 'sandpiper', fileURLToPath(new URL('deploy/helm/sandpiper', top))];
  args.push('--namespace', 'sandpiper', '--kube-version', '1.36.0', '--values', '-');
  const text = execFileSync(helm, args, {
    input: JSON.stringify({ ...values, test: { enabled: false } }),
    encoding: 'utf8',
  });
  return text
    .split(/^---$/m)
    .map((part) => ({ source: /^# Source: sandpiper\/(.*)$/m.exec(part)?.[1] ?? '', text: part }))
    .filter(({ source }) => source !== '');
}

/** Without what says that Helm owns the object, and with the namespace, which `kubectl apply` would else have to be told. */
const withoutHelm = (text) =>
  text
    .replace(/^# Source: .*\n/m, '')
    .replace(/^ *(app\.kubernetes\.io\/managed-by|helm\.sh\/chart): .*\n/gm, '')
    .replace(/^metadata:\n/m, 'metadata:\n  namespace: sandpiper\n')
    // Helm indents empty lines too.
    .replace(/^ +$/gm, '')
    .trim();

function render(name) {
  const { about, values, only = '' } = FILES[name];
  const parts = documents(values)
    .filter(({ source }) => source.startsWith(only))
    .map(({ text }) => withoutHelm(text));
  return `# ${about}\n# Made from deploy/helm/sandpiper by scripts/lib/render-manifests.mjs; README.md says how to use it.\n---\n${parts.join('\n---\n')}\n`;
}

const wanted = { 'namespace.yaml': NAMESPACE };
for (const name of Object.keys(FILES)) wanted[name] = render(name);

if (process.argv[2] === '--check') {
  const stale = Object.entries(wanted)
    .filter(([name, text]) => {
      const file = new URL(name, folder);
      return !existsSync(file) || readFileSync(file, 'utf8') !== text;
    })
    .map(([name]) => name);
  for (const name of stale) {
    console.error(`deploy/kubernetes/${name} is stale: run node scripts/lib/render-manifests.mjs`);
  }
  process.exit(stale.length === 0 ? 0 : 1);
}
for (const [name, text] of Object.entries(wanted)) writeFileSync(new URL(name, folder), text);
