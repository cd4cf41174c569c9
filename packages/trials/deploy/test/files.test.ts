import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { CHECKOUT, HELM, objectsIn } from '../src/helm.js';
import { complaintsAbout } from '../src/judge.js';
import { SETTINGS } from '../src/configuration.js';

const script = (name: string): string => fileURLToPath(new URL(`scripts/lib/${name}`, CHECKOUT));
const read = (path: string): string => readFileSync(new URL(path, CHECKOUT), 'utf8');

const check = (name: string): { status: number | null; stderr: string } => {
  const env = { ...process.env, ...(HELM === null ? {} : { TEST_HELM: HELM }) };
  return spawnSync(process.execPath, [script(name), '--check'], { encoding: 'utf8', env });
};

describe('files that are made from others', () => {
  it('are what the chart is made of', () => {
    expect(check('make-chart.mjs')).toMatchObject({ status: 0, stderr: '' });
  });

  it.skipIf(HELM === null)(
    'are the manifests of the chart (if skipped, it needs TEST_HELM)',
    () => {
      expect(check('render-manifests.mjs')).toMatchObject({ status: 0, stderr: '' });
    },
    60_000,
  );

  it('the schema of the values has every setting, with its bounds, except those that the chart makes', () => {
    interface Node {
      readonly properties?: Readonly<Record<string, Node>>;
      readonly minimum?: number;
      readonly maximum?: number;
    }
    const schema = JSON.parse(read('deploy/helm/sandpiper/values.schema.json')) as Node;
    const { scheduler, poolDefaults } = schema.properties ?? {};
    const settings = {
      ...scheduler?.properties?.['settings']?.properties,
      ...poolDefaults?.properties?.['settings']?.properties,
    };
    const all = [...(SETTINGS['scheduler']?.values() ?? []), ...(SETTINGS['worker']?.values() ?? [])];
    const missing = all.filter(({ name }) => settings[name] === undefined).map(({ name }) => name);
    expect([...new Set(missing)].sort()).toEqual([
      'SANDPIPER_ADMIN_KEY',
      'SANDPIPER_ADMIN_KEY_FILE',
      'SANDPIPER_ADVERTISE',
      'SANDPIPER_ALLOWED_HOSTS',
      'SANDPIPER_AUTH',
      'SANDPIPER_CALLBACK_SECRET',
      'SANDPIPER_CALLBACK_SECRET_FILE',
      'SANDPIPER_CELLS',
      'SANDPIPER_EXPECTED_RUNTIMES',
      'SANDPIPER_GRACE_MS',
      'SANDPIPER_HOST',
      'SANDPIPER_JUDGE_FOLDER',
      'SANDPIPER_LABELS',
      'SANDPIPER_MAX_DISK_BYTES',
      'SANDPIPER_MAX_MEMORY_BYTES',
      'SANDPIPER_MAX_OUTPUT_BYTES',
      'SANDPIPER_MEMORY_BYTES',
      'SANDPIPER_NODE_NAME',
      'SANDPIPER_PORT',
      'SANDPIPER_REDIS_CA',
      'SANDPIPER_REDIS_CERT',
      'SANDPIPER_REDIS_KEY',
      'SANDPIPER_REDIS_PASSWORD_FILE',
      'SANDPIPER_REDIS_SENTINEL_PASSWORD_FILE',
      'SANDPIPER_REDIS_SENTINEL_USERNAME',
      'SANDPIPER_REDIS_URL',
      'SANDPIPER_REDIS_USERNAME',
      'SANDPIPER_REDIS_WAIT_MS',
      'SANDPIPER_REDIS_WAIT_REPLICAS',
      'SANDPIPER_SERVES',
      'SANDPIPER_STOP_DELAY_MS',
    ]);
    for (const { name, bounds } of all) {
      if (bounds === null || settings[name] === undefined) continue;
      expect(settings[name]).toMatchObject({ minimum: bounds.min, maximum: bounds.max });
    }
  });
});

describe('the manifests for kubectl', () => {
  it.each(['sandpiper.yaml', 'try-out.yaml', 'keda.yaml'])('%s meets every schema and rule', (name) => {
    expect(complaintsAbout(objectsIn(read(`deploy/kubernetes/${name}`)))).toEqual([]);
  });

  it('enforce restricted in their namespace, and are all in it', () => {
    const [namespace, ...more] = objectsIn(read('deploy/kubernetes/namespace.yaml'));
    expect(more).toEqual([]);
    expect(namespace?.metadata.labels?.['pod-security.kubernetes.io/enforce']).toBe('restricted');
    for (const name of ['sandpiper.yaml', 'try-out.yaml', 'keda.yaml', 'monitoring.yaml']) {
      const spaces = objectsIn(read(`deploy/kubernetes/${name}`)).map(({ metadata }) => metadata.namespace);
      expect(new Set(spaces)).toEqual(new Set([namespace?.metadata.name]));
    }
  });
});
