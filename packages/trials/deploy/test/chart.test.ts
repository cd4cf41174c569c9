import { readdirSync, readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { CHART, CHECKOUT, HELM, HELM3, render, runTool, template } from '../src/helm.js';
import { complaintsAbout } from '../src/judge.js';
import { type KubernetesObject, type Labels, nameOf, ofKind, workloadsOf } from '../src/objects.js';

const folder = new URL('../fixtures/values/', import.meta.url);
const FILES = readdirSync(folder).map((name) => name.replace('.yaml', ''));
const valuesOf = (name: string): string => readFileSync(new URL(`${name}.yaml`, folder), 'utf8');

/** Rendered once for each set of values: a call of helm takes a fifth of a second. */
const rendered = new Map<string, KubernetesObject[]>();
function objectsOf(name: string): KubernetesObject[] {
  const known = rendered.get(name) ?? render(valuesOf(name));
  rendered.set(name, known);
  return known;
}

const found = (objects: readonly KubernetesObject[], name: string): KubernetesObject => {
  const object = objects.find((one) => nameOf(one) === name);
  if (object === undefined) throw new Error(`no ${name} among ${objects.map(nameOf).join(', ')}`);
  return object;
};

const envOf = (objects: readonly KubernetesObject[], name: string): Record<string, string | undefined> => {
  const container = workloadsOf(objects).find(({ owner }) => nameOf(owner) === name)?.pod.containers[0];
  return Object.fromEntries((container?.env ?? []).map((variable) => [variable.name, variable.value]));
};

describe.skipIf(HELM === null)('the chart (if skipped, it needs TEST_HELM)', () => {
  it('is tried with a dozen values and more', () => {
    expect(FILES.length).toBeGreaterThanOrEqual(12);
  });

  describe.each(FILES)('with the values %s', (name) => {
    it('passes helm lint --strict', () => {
      const { status, stdout, stderr } = runTool(
        HELM,
        ['lint', '--strict', CHART, '--values', '-'],
        valuesOf(name),
      );
      expect(`${stdout}${stderr}`).toContain('0 chart(s) failed');
      expect(status).toBe(0);
    });

    it('makes objects that meet every schema and rule', () => {
      const objects = objectsOf(name);
      expect(objects.length).toBeGreaterThan(5);
      expect(complaintsAbout(objects)).toEqual([]);
    });
  });

  it.skipIf(HELM3 === null).each(FILES)(
    'is the same for Helm 3.14 with the values %s (if skipped, it needs TEST_HELM3)',
    (name) => {
      const { status, stdout } = runTool(HELM3, ['lint', '--strict', CHART, '--values', '-'], valuesOf(name));
      expect(`${status} ${stdout}`).toContain('0 chart(s) failed');
      expect(render(valuesOf(name), { helm: HELM3 })).toEqual(objectsOf(name));
    },
  );

  it.each(['try-out-password', 'ingress', 'long-names'])(
    'makes %s as well under the longest release name that Helm allows, and under one that begins with a digit',
    (name) => {
      for (const release of [`r${'x'.repeat(52)}`, '1st.farm']) {
        expect(complaintsAbout(render(valuesOf(name), { name: release }))).toEqual([]);
      }
    },
  );

  it('gives a pool its runtimes, scales it by their load, and lets their runs wait for it', () => {
    const text = JSON.stringify(objectsOf('pools'));
    expect(text).toContain('{"name":"SANDPIPER_SERVES","value":"python3,numpy1.26"}');
    expect(text).toContain('{"name":"SANDPIPER_EXPECTED_RUNTIMES","value":"numpy1.26,python3"}');
    const query = (runtimes: string): string =>
      `sum(max by (runtime) (sandpiper_runtime_runs{runtime=~${runtimes}})) or 0 * max(sandpiper_scheduler_load_runs)`;
    expect(text).toContain(JSON.stringify(query('"python3|numpy1\\\\.26"')));
    const asked = valuesOf('keda').replace('cells: 4', 'cells: 4\n    runtimes: [default, python3]');
    expect(JSON.stringify(render(asked))).toContain('/v1/load/runtimes?names=default,python3"');
  });

  it('lets two releases live in one namespace', () => {
    const values = valuesOf('long-names').replace(/^fullnameOverride.*$/m, '');
    const both = ['blue', 'blue-sandpiper'].map((name) => render(values, { name }));
    const all = both.flat();
    expect(new Set(all.map(nameOf)).size).toBe(all.length);
    const others = both.flatMap((objects, index) =>
      workloadsOf(objects)
        .filter(({ selector }) => selector !== null)
        .flatMap(({ owner, selector }) =>
          workloadsOf(both[1 - index] ?? [])
            .filter(({ labels }) =>
              Object.entries(selector ?? {}).every(([key, value]) => labels[key] === value),
            )
            .map((other) => `${nameOf(owner)} selects ${nameOf(other.owner)}`),
        ),
    );
    expect(others).toEqual([]);
  });

  it('has the version of the checkout', () => {
    const { version } = JSON.parse(readFileSync(new URL('package.json', CHECKOUT), 'utf8')) as {
      version: string;
    };
    expect(parse(readFileSync(`${CHART}/Chart.yaml`, 'utf8'))).toMatchObject({
      version,
      appVersion: version,
    });
  });

  it('says what to do next', () => {
    const args = ['install', 'farm', CHART, '--dry-run=client', '--namespace', 'lab', '--values', '-'];
    const { stdout, stderr, status } = runTool(HELM, args, valuesOf('try-out'));
    expect(`${status} ${stderr}`).toMatch(/^0 /);
    const notes = stdout.slice(stdout.indexOf('NOTES:'));
    expect(notes).toContain('helm -n lab test farm --logs');
    expect(notes).toContain('rollout status deployment/farm-sandpiper-scheduler');
    expect(notes).toContain('default: 2 cells, 2 CPUs and 1184 MiB a pod, runs of up to 256 MiB');
    expect(notes).toContain('WARNING: Redis is a single server for trying out');
  });
});

describe.skipIf(HELM === null)('what the chart makes (if skipped, it needs TEST_HELM)', () => {
  let minimal: KubernetesObject[];
  beforeAll(() => {
    minimal = objectsOf('minimal');
  });

  it('gives a pod the memory that its cells can use', () => {
    const objects = objectsOf('traces');
    const limits = workloadsOf(objects).find(({ labels }) => labels['sandpiper/pool'] === 'default')?.pod
      .containers[0]?.resources?.limits;
    expect(limits).toEqual({ cpu: '2', memory: `${128 + 12 * 32 + 2 * (64 + 256 + 256 + 12 * 32)}Mi` });
  });

  it('caps the memory of a run by the smallest pool', () => {
    expect(envOf(objectsOf('pools'), 'Deployment sandpiper-scheduler')['SANDPIPER_MAX_MEMORY_BYTES']).toBe(
      `${128 * 1024 * 1024}`,
    );
  });

  it('writes large numbers as numbers', () => {
    const env = envOf(objectsOf('ingress'), 'Deployment sandpiper-scheduler');
    expect(env['SANDPIPER_BODIES_IN_FLIGHT']).toBe('268435456');
    expect(envOf(objectsOf('plain'), 'Deployment sandpiper-scheduler')).toMatchObject({
      OTEL_TRACES_SAMPLER_ARG: '0.01',
      OTEL_BSP_MAX_QUEUE_SIZE: '4096',
    });
  });

  it('asks the scheduler for its load, and keeps pods while it does not answer', () => {
    const { spec } = found(objectsOf('keda'), 'ScaledObject sandpiper-worker-default');
    expect(spec).toMatchObject({
      minReplicaCount: 0,
      maxReplicaCount: 20,
      fallback: { replicas: 1, behavior: 'currentReplicasIfHigher' },
      triggers: [
        {
          type: 'metrics-api',
          metricType: 'AverageValue',
          metadata: {
            url: 'http://sandpiper-scheduler.farm.svc:8080/v1/load',
            valueLocation: 'runs',
            targetValue: '8',
            authMode: 'bearer',
          },
          authenticationRef: { name: 'sandpiper-load' },
        },
      ],
    });
  });

  it('asks Prometheus for the load of this release', () => {
    const queryOf = (values: string): unknown => {
      const { spec } = found(render(values), 'ScaledObject sandpiper-worker-default');
      return (spec as { triggers: { metadata: Labels }[] }).triggers[0]?.metadata['query'];
    };
    const values = valuesOf('keda-prometheus');
    expect(queryOf(values)).toBe('max(sandpiper_scheduler_load_runs)');
    const monitored = values.replace(
      'keys: {',
      'monitoring: { enabled: true }\nkeys: { metrics: { secret: m },',
    );
    expect(queryOf(monitored)).toBe(
      'max(sandpiper_scheduler_load_runs{namespace="farm",service="sandpiper-scheduler"})',
    );
  });

  it('does not take missing data of Prometheus for no load', () => {
    const { spec } = found(objectsOf('keda-prometheus'), 'ScaledObject sandpiper-worker-default');
    expect(spec).toMatchObject({
      fallback: { replicas: 3 },
      triggers: [{ type: 'prometheus', metadata: { ignoreNullValues: 'false', threshold: '2' } }],
    });
  });

  it('divides the load among pools by their shares', () => {
    const half = { kind: 'keda', share: 50 };
    const values = {
      keys: { admin: { secret: 'k' }, metrics: { secret: 'm' } },
      redis: { url: 'redis://redis' },
      pools: [
        { name: 'one', cells: 2, autoscaling: half },
        { name: 'two', cells: 3, autoscaling: half },
      ],
    };
    const targets = ofKind(render(values), 'ScaledObject').map(
      ({ spec }) => (spec as { triggers: { metadata: Labels }[] }).triggers[0]?.metadata['targetValue'],
    );
    expect(targets).toEqual(['4', '6']);
  });

  it('leaves replicas to nobody but the values where nothing scales', () => {
    const objects = objectsOf('cpu');
    const replicas = workloadsOf(objects).map(({ owner, replicas }) => [owner.metadata.name, replicas]);
    expect(Object.fromEntries(replicas)).toMatchObject({
      'sandpiper-worker-default': null,
      'sandpiper-worker-fixed': 0,
    });
  });

  it('lets workers reach Redis and names, and nothing else', () => {
    const { spec } = found(minimal, 'NetworkPolicy sandpiper-worker-default');
    const ports = (spec as { egress: { ports: { port: number }[] }[] }).egress.flatMap((rule) => rule.ports);
    expect(ports.map(({ port }) => port)).toEqual([53, 53, 6379]);
  });

  it('opens the ports of every kind of Redis address', () => {
    const portsOf = (name: string): number[] => {
      const { spec } = found(objectsOf(name), 'NetworkPolicy sandpiper-worker-default');
      return (spec as { egress: { ports: { port: number }[] }[] }).egress
        .flatMap((rule) => rule.ports.map(({ port }) => port))
        .slice(2);
    };
    expect(portsOf('tls')).toEqual([6380]);
    expect(portsOf('sentinel')).toEqual([26379, 26380, 6379, 6381]);
    expect(portsOf('cluster')).toEqual([7000, 7001, 6379]);
  });

  it('lets callbacks out to the Internet, and not into the cluster', () => {
    const { spec } = found(objectsOf('ingress'), 'NetworkPolicy sandpiper-scheduler');
    const blocks = (spec as { egress: { to?: { ipBlock?: unknown }[] }[] }).egress.flatMap(
      ({ to = [] }) => to,
    );
    expect(blocks).toContainEqual({
      ipBlock: { cidr: '0.0.0.0/0', except: ['169.254.0.0/16', '10.0.0.0/8'] },
    });
    expect(blocks).toContainEqual({ ipBlock: { cidr: '::/0', except: ['fe80::/10', 'fd00::/8'] } });
    const quiet = found(minimal, 'NetworkPolicy sandpiper-scheduler').spec as { egress: { to?: unknown }[] };
    expect(quiet.egress.some(({ to }) => JSON.stringify(to ?? '').includes('0.0.0.0'))).toBe(false);
  });

  it('admits monitoring, KEDA and its test where only some clients may call', () => {
    const { spec } = found(objectsOf('ingress'), 'NetworkPolicy sandpiper-scheduler');
    const [rule] = (spec as { ingress: { from: unknown[] }[] }).ingress;
    const peers = JSON.stringify(rule?.from);
    for (const peer of ['"ingress"', '"monitoring"', '"keda"', '"test"']) expect(peers).toContain(peer);
  });

  it('goes on serving after SIGTERM, and is not killed before its answers have ended', () => {
    const [scheduler] = workloadsOf(
      render({
        keys: { admin: { secret: 'k' } },
        redis: { url: 'redis://redis' },
        scheduler: { stopDelaySeconds: 30, terminationSeconds: 100 },
      }),
    );
    expect(scheduler?.pod.terminationGracePeriodSeconds).toBe(130);
    expect(scheduler?.pod.containers[0]?.env).toContainEqual({
      name: 'SANDPIPER_STOP_DELAY_MS',
      value: '30000',
    });
  });

  it('tells Prometheus an address of each worker that has one', () => {
    const [worker] = workloadsOf(minimal).filter(({ labels }) => labels['sandpiper/pool'] === 'default');
    expect(worker?.pod.containers[0]?.env).toContainEqual({
      name: 'SANDPIPER_ADVERTISE',
      valueFrom: { fieldRef: { fieldPath: 'status.podIP' } },
    });
  });

  it('tells the pool of a worker, and what else its operator says of it', () => {
    const [worker] = workloadsOf(
      render({
        keys: { admin: { secret: 'k' } },
        redis: { url: 'redis://redis' },
        pools: [{ name: 'large', cells: 4, nodeLabels: { disk: 'ssd', zone: 'north' } }],
      }),
    ).filter(({ labels }) => labels['sandpiper/pool'] === 'large');
    expect(worker?.pod.containers[0]?.env).toContainEqual({
      name: 'SANDPIPER_LABELS',
      value: 'pool=large,disk=ssd,zone=north',
    });
  });

  it('puts no secret and no address with a password into a manifest', () => {
    const text = template(valuesOf('sentinel')).stdout;
    expect(text).toContain('SANDPIPER_REDIS_PASSWORD_FILE');
    expect(text).not.toMatch(/:[^/\s]+@/);
  });

  it('keeps a pod from starting when its Secret lacks an entry', () => {
    const volumes = workloadsOf(objectsOf('tls')).flatMap(({ pod }) => pod.volumes ?? []);
    const secrets = volumes.flatMap((volume) => [
      volume.secret,
      ...(volume.projected?.sources ?? []).map(({ secret }) => secret),
    ]);
    const given = secrets.filter((secret) => secret !== undefined);
    expect(given.length).toBeGreaterThan(0);
    for (const secret of given) {
      expect(secret.optional ?? false).toBe(false);
      expect(secret.items?.length).toBeGreaterThan(0);
    }
  });

  it('starts before Redis is there: only readiness asks for it', () => {
    for (const { pod } of workloadsOf(minimal)) {
      for (const { startupProbe, livenessProbe, readinessProbe } of pod.containers) {
        if (readinessProbe === undefined) continue;
        expect(startupProbe?.httpGet?.path).toBe('/healthz');
        expect(livenessProbe?.httpGet?.path).toBe('/healthz');
        expect(readinessProbe.httpGet?.path).toBe('/readyz');
      }
    }
  });

  it('hands the alert rules of deploy/prometheus to the operator, with the address of the runbooks', () => {
    const text = readFileSync(new URL('deploy/prometheus/alerts.yml', CHECKOUT), 'utf8');
    const own = parse(
      text.replaceAll('docs/runbooks/', 'https://example.org/sandpiper/docs/runbooks/'),
    ) as unknown;
    expect(found(objectsOf('monitoring'), 'PrometheusRule sandpiper-alerts').spec).toEqual(own);
  });

  it('gives the dashboard of deploy/grafana to the sidecar', () => {
    const { data = {} } = found(objectsOf('monitoring'), 'ConfigMap sandpiper-dashboard');
    const own = readFileSync(new URL('deploy/grafana/sandpiper.json', CHECKOUT), 'utf8');
    expect(JSON.parse(data['sandpiper.json'] ?? '')).toEqual(JSON.parse(own));
  });

  it('shows the jobs under the names that the alert rules know', () => {
    const text = JSON.stringify(ofKind(objectsOf('monitoring'), 'ServiceMonitor', 'PodMonitor'));
    expect(text).toContain('"replacement":"sandpiper-scheduler"');
    expect(text).toContain('"replacement":"sandpiper-node"');
  });
});
