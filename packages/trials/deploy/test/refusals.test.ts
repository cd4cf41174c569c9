import { describe, expect, it } from 'vitest';
import { HELM, HELM3, template } from '../src/helm.js';

type Values = Readonly<Record<string, unknown>>;

const GOOD: Values = {
  keys: { admin: { secret: 'keys' } },
  redis: { url: 'redis://redis:6379' },
};
const pool = (given: Values): Values => ({ pools: [{ name: 'main', cells: 2, ...given }] });
const redis = (given: Values): Values => ({ redis: { url: 'redis://redis:6379', ...given } });

/** What is wrong, the values beside good ones, and what the message must name. */
const CASES: readonly [string, Values, RegExp][] = [
  // Names that do not exist, in every part.
  ['an unknown value', { replicaCount: 3 }, /replicaCount/],
  ['a misspelt value of the scheduler', { scheduler: { replica: 3 } }, /scheduler.*replica/s],
  ['a misspelt value of a pool', pool({ tolerations: [], celsl: 2 }), /pools\/?\.?0.*celsl/s],
  ['a misspelt value of poolDefaults', { poolDefaults: { grace: 3 } }, /poolDefaults.*grace/s],
  [
    'a misspelt value of autoscaling',
    pool({ autoscaling: { kind: 'keda', minimum: 0 } }),
    /autoscaling.*minimum/s,
  ],
  ['a misspelt setting', { scheduler: { settings: { SANDPIPER_MAX_QUEU: 5 } } }, /SANDPIPER_MAX_QUEU/],
  ['a setting of the other service', pool({ settings: { SANDPIPER_MAX_QUEUE: 5 } }), /SANDPIPER_MAX_QUEUE/],
  ['a setting that the chart makes', pool({ settings: { SANDPIPER_CELLS: 5 } }), /SANDPIPER_CELLS/],
  [
    'a token among the headers of traces',
    { tracing: { env: { OTEL_EXPORTER_OTLP_HEADERS: 'x' } } },
    /tracing.headers/,
  ],
  ['headers for no collector', { tracing: { headers: { secret: 's' } } }, /tracing.endpoint is empty/],
  ['a Secret in a setting', { scheduler: { settings: { SANDPIPER_ADMIN_KEY: 'x' } } }, /SANDPIPER_ADMIN_KEY/],
  ['an unknown peer', { networkPolicy: { clients: [{ serviceSelector: {} }] } }, /serviceSelector/],
  ['a peer of nothing', { networkPolicy: { clients: [{}] } }, /clients/],
  ['another variable among those of OpenTelemetry', { tracing: { env: { PATH: '/' } } }, /PATH/],
  // Wrong types and values.
  ['text for a number', { scheduler: { replicas: 'two' } }, /replicas/],
  ['a number for a text', { image: { tag: 1.5 } }, /tag/],
  ['a fraction of a cell', pool({ cells: 1.5 }), /cells/],
  ['no cell', pool({ cells: 0 }), /cells/],
  ['a negative size', pool({ replicas: -1 }), /replicas/],
  [
    'a setting out of its bounds',
    { scheduler: { settings: { SANDPIPER_TENANT_SHARE: 101 } } },
    /SANDPIPER_TENANT_SHARE/,
  ],
  ['a setting of a wrong kind', pool({ settings: { SANDPIPER_PIN: 'maybe' } }), /SANDPIPER_PIN/],
  ['off without quotes', pool({ settings: { SANDPIPER_PIN: false } }), /SANDPIPER_PIN/],
  ['a kind of scaling that does not exist', pool({ autoscaling: { kind: 'vpa' } }), /kind/],
  ['a name in capitals', { pools: [{ name: 'Main', cells: 1 }] }, /name/],
  ['a pool name of 21 characters', { pools: [{ name: 'x'.repeat(21), cells: 1 }] }, /name/],
  ['a name of 64 characters', { fullnameOverride: 'x'.repeat(64) }, /fullnameOverride/],
  ['no pool', { pools: [] }, /pools/],
  ['a tag with a space', { image: { tag: 'a b' } }, /tag/],
  ['a CPU without a number', pool({ cpu: 'two' }), /cpu/],
  ['an address of Redis of another kind', redis({ url: 'http://redis' }), /redis.*url/s],
  ['a password in the address of Redis', redis({ url: 'redis://u:secret@redis' }), /redis.*url/s],
  // What contradicts itself.
  ['a pool without cells', { pools: [{ name: 'main' }] }, /pools\[0\] \(main\): cells is missing/],
  ['a pool without a name', { pools: [{ cells: 1 }] }, /pools\[0\] .*name is missing/],
  [
    'two pools of one name',
    {
      pools: [
        { name: 'a', cells: 1 },
        { name: 'a', cells: 1 },
      ],
    },
    /pools\[1\] \(a\): another pool/,
  ],
  [
    'a grace above the termination',
    pool({ graceSeconds: 120, terminationSeconds: 134 }),
    /terminationSeconds is 134, below graceSeconds \+ 15 = 135/,
  ],
  [
    'memory below the formula',
    pool({ memoryMiB: 1183 }),
    /memoryMiB is 1183, but 2 cells with runs of 256 MiB need 1184/,
  ],
  ['CPUs below the cells', pool({ cpu: '1' }), /cpu is 1, but 2 cells need 2/],
  ['thousandths below the cells', pool({ cpu: '1000m' }), /cpu is 1000m, but 2 cells need 2/],
  [
    'a label of nodes that is the pool',
    pool({ nodeLabels: { pool: 'x' } }),
    /nodeLabels: pool is the name of the pool/,
  ],
  ['an empty runtimeClassName', pool({ runtimeClassName: '' }), /\(main\): runtimeClassName is empty/],
  ['an empty priorityClassName', pool({ priorityClassName: '' }), /\(main\): priorityClassName is empty/],
  [
    'replicas where the pool scales',
    pool({ replicas: 2, autoscaling: { kind: 'cpu' } }),
    /replicas is given, but autoscaling.kind is cpu/,
  ],
  [
    'a minimum above the maximum',
    pool({ autoscaling: { kind: 'cpu', min: 5, max: 4 } }),
    /min is 5, above autoscaling.max, which is 4/,
  ],
  ['zero pods by CPU', pool({ autoscaling: { kind: 'cpu', min: 0 } }), /min is 0/],
  [
    'a fallback above the maximum',
    {
      ...pool({ autoscaling: { kind: 'keda', fallbackReplicas: 11 } }),
      keys: { admin: { secret: 'k' }, metrics: { secret: 'm' } },
    },
    /fallbackReplicas is 11/,
  ],
  ['KEDA without a key', pool({ autoscaling: { kind: 'keda' } }), /keys.metrics.secret is empty/],
  [
    'KEDA without its Prometheus',
    pool({ autoscaling: { kind: 'keda', source: 'prometheus' } }),
    /prometheus.url is empty/,
  ],
  [
    'a label of the chart',
    pool({ labels: { 'app.kubernetes.io/name': 'x' } }),
    /app.kubernetes.io\/name, which the chart sets/,
  ],
  [
    'another processor',
    pool({ nodeSelector: { 'kubernetes.io/arch': 'arm64' } }),
    /kubernetes.io\/arch, which the chart sets/,
  ],
  ['no key of the administrator', { keys: { admin: { secret: '' } } }, /keys.admin.secret is empty/],
  ['no Redis', { redis: {} }, /redis.url is empty/],
  [
    'two kinds of Redis',
    redis({ tryOut: { enabled: true } }),
    /redis.url and redis.tryOut.enabled are both set/,
  ],
  [
    'a user of the server for trying out',
    { redis: { username: 'u', tryOut: { enabled: true } } },
    /redis.username is set/,
  ],
  ['a user without a password', redis({ username: 'u' }), /redis.username needs a password/],
  ['Sentinels that are none', redis({ sentinel: { password: { secret: 's' } } }), /redis.sentinel is for/],
  [
    'a certificate without encryption',
    redis({ tls: { ca: { secret: 'ca' } } }),
    /redis.url must begin with rediss/,
  ],
  ['monitoring without a key', { monitoring: { enabled: true } }, /keys.metrics.secret is empty/],
  ['an ingress without a host', { ingress: { enabled: true } }, /ingress.host is empty/],
  [
    'a scheduler without room for bodies',
    { scheduler: { settings: { SANDPIPER_BODIES_IN_FLIGHT: 1073741824 } } },
    /scheduler.memoryMiB is 1024, .* needs 2304/,
  ],
];

describe.each([
  ['Helm 4', 'TEST_HELM', HELM],
  ['Helm 3.14', 'TEST_HELM3', HELM3],
])('%s (if skipped, it needs %s) refuses', (_name, _variable, helm) => {
  it.skipIf(helm === null)('nothing of the good values that the cases start from', () => {
    expect(template(GOOD, { helm })).toMatchObject({ status: 0, stderr: '' });
  });

  it.skipIf(helm === null).each(CASES)('%s', (_what, given, message) => {
    const { status, stderr, stdout } = template({ ...GOOD, ...given }, { helm });
    expect(status, stdout.slice(0, 500)).not.toBe(0);
    expect(stderr).toMatch(message);
    // One mistake, one complaint: no list of everything that went wrong because of it.
    expect(stderr.split('\n').filter((line) => /execution error|^- /.test(line)).length).toBeLessThanOrEqual(
      1,
    );
  });
});
