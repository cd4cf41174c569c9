import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { describe, expect, it } from 'vitest';
import { SETTINGS } from '../src/configuration.js';
import { CHECKOUT, objectsIn } from '../src/helm.js';
import { type Container, workloadsOf } from '../src/objects.js';

const read = (path: string): string => readFileSync(new URL(path, CHECKOUT), 'utf8');

interface ComposeService {
  readonly image: string;
  readonly user: string;
  readonly command: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly cap_drop: readonly string[];
  readonly cap_add?: readonly string[];
  readonly security_opt: readonly string[];
  readonly read_only: boolean;
  readonly privileged?: boolean;
  readonly restart: string;
  readonly tmpfs?: readonly string[];
  readonly cpus?: number;
  readonly mem_limit?: string;
  readonly memswap_limit?: string;
  readonly networks: readonly string[];
  readonly ports?: readonly string[];
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly stop_grace_period?: string;
}

const file = parse(read('deploy/compose.yaml'), { merge: true }) as {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly networks: Readonly<Record<string, { readonly internal?: boolean } | null>>;
};

const pods = workloadsOf(objectsIn(read('deploy/kubernetes/sandpiper.yaml'))).flatMap(({ pod }) =>
  pod.containers.map((container) => ({ pod, container })),
);

function serviceOf(name: string): ComposeService {
  const service = file.services[name];
  if (service === undefined) throw new Error(`compose.yaml has no ${name}`);
  return service;
}

/** The container of the chart, and the numbers of its pod. */
function podOf(name: string): {
  readonly container: Container;
  readonly seconds: number;
  readonly user: string;
} {
  const found = pods.find(({ container }) => container.name === name);
  if (found === undefined) throw new Error(`the chart has no ${name}`);
  const { pod, container } = found;
  const { runAsUser, runAsGroup } = pod.securityContext as { runAsUser: number; runAsGroup: number };
  return { container, seconds: pod.terminationGracePeriodSeconds ?? 0, user: `${runAsUser}:${runAsGroup}` };
}

describe.each(['scheduler', 'worker'])('the %s of compose.yaml', (name) => {
  const service = serviceOf(name);
  const { container, seconds, user } = podOf(name);

  it('has the security of its pod', () => {
    expect(service.user).toBe(user);
    expect(service.cap_drop).toEqual(container.securityContext?.capabilities?.drop);
    expect(service.security_opt).toEqual(['no-new-privileges:true']);
    expect(container.securityContext?.allowPrivilegeEscalation).toBe(false);
    expect(service.read_only).toBe(container.securityContext?.readOnlyRootFilesystem);
    expect(service.tmpfs).toContain('/tmp:size=64m');
  });

  it('has its size, without swap, and its time to leave', () => {
    expect(String(service.cpus)).toBe(container.resources?.limits?.['cpu']);
    expect(`${Number.parseInt(service.mem_limit ?? '', 10)}Mi`).toBe(container.resources?.limits?.['memory']);
    expect(service.memswap_limit).toBe(service.mem_limit);
    expect(service.stop_grace_period).toBe(`${seconds}s`);
  });

  it('runs the same program, with settings that exist and have the values of the pod', () => {
    expect(service.command).toEqual(container.command);
    const ofPod = new Map((container.env ?? []).map(({ name: variable, value }) => [variable, value]));
    for (const [variable, value] of Object.entries(service.environment ?? {})) {
      expect(SETTINGS[name]?.has(variable), variable).toBe(true);
      if (/REDIS_URL|ADMIN_KEY/.test(variable)) continue;
      expect(value, variable).toBe(ofPod.get(variable));
    }
  });
});

describe('every service of compose.yaml', () => {
  it.each(Object.entries(file.services))('%s is restricted, and starts again', (_name, service) => {
    expect(service).toMatchObject({
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      read_only: true,
      restart: 'unless-stopped',
    });
    expect(service.user).toMatch(/^[1-9]\d*:[1-9]\d*$/);
    expect(service.cap_add).toBeUndefined();
    expect(service.privileged).toBeUndefined();
    expect(service.image).toMatch(/^\$\{[A-Z]+_IMAGE:-\S+\}$/);
  });

  it('publishes ports on the loopback address alone', () => {
    const ports = Object.values(file.services).flatMap((service) => service.ports ?? []);
    expect(ports.length).toBeGreaterThan(0);
    expect(ports.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
  });

  it('is watched: health checks of the services by their readiness', () => {
    for (const [name, port] of [
      ['scheduler', 8080],
      ['worker', 9090],
    ] as const) {
      expect(serviceOf(name).healthcheck?.test.at(-1)).toContain(`http://127.0.0.1:${port}/readyz`);
    }
    expect(serviceOf('redis').healthcheck?.test).toEqual(['CMD', 'redis-cli', 'ping']);
  });

  it('keeps Redis and workers in a network that leads nowhere', () => {
    expect(file.networks['inside']).toEqual({ internal: true });
    for (const name of ['redis', 'worker']) expect(serviceOf(name).networks).toEqual(['inside']);
  });
});
