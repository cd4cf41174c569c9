import { NODE_RESERVE, SETTINGS } from '../configuration.js';
import {
  type Container,
  containersOf,
  type EnvVariable,
  type KubernetesObject,
  nameOf,
  type Volume,
  type Workload,
  workloadsOf,
} from '../objects.js';

const MIB = 1024 * 1024;
/** Between the end of the grace and SIGKILL, seconds: to hand runs back and to leave Redis. */
const HAND_BACK_SECONDS = 15;
/** Between the end of a scheduler's delay and SIGKILL, seconds: for answers that have begun. */
const ANSWER_SECONDS = 10;
/** No file can hold these. */
const ONLY_IN_THE_ENVIRONMENT: ReadonlySet<string> = new Set(['OTEL_EXPORTER_OTLP_HEADERS']);

const numberOf = (container: Container, name: string): number | null => {
  const value = container.env?.find((variable) => variable.name === name)?.value;
  return value === undefined ? null : Number(value);
};

const services = (objects: readonly KubernetesObject[]): [Workload, Container][] =>
  workloadsOf(objects).flatMap((workload) =>
    containersOf(workload)
      .filter(({ name }) => SETTINGS[name] !== undefined)
      .map((container): [Workload, Container] => [workload, container]),
  );

/** Every variable is one that the service reads, with a value that it takes. */
export function knownSettings(objects: readonly KubernetesObject[]): string[] {
  return services(objects).flatMap(([workload, { name, env = [] }]) => {
    const at = `${nameOf(workload.owner)}, container ${name}`;
    const names = env.map((variable) => variable.name);
    const twice = names.filter((one, index) => names.indexOf(one) !== index);
    return [
      ...twice.map((one) => `${at}: ${one} is given twice`),
      ...env.flatMap((variable) => settingFaults(name, variable).map((fault) => `${at}: ${fault}`)),
    ];
  });
}

function settingFaults(service: string, { name, value }: EnvVariable): string[] {
  if (name.startsWith('OTEL_')) return [];
  const setting = SETTINGS[service]?.get(name);
  if (setting === undefined) return [`the ${service} knows no ${name}`];
  if (value === undefined) return [];
  const { bounds, names } = setting;
  if (
    bounds !== null &&
    !(/^\d+$/.test(value) && Number(value) >= bounds.min && Number(value) <= bounds.max)
  ) {
    return [`${name} is ${value}, not ${bounds.min} to ${bounds.max}`];
  }
  return names.length > 0 && !names.includes(value)
    ? [`${name} is ${value}, not one of ${names.join(', ')}`]
    : [];
}

/** A pod is killed later than its service ends by itself. */
export function graceBelowTermination(objects: readonly KubernetesObject[]): string[] {
  return services(objects).flatMap(([{ owner, pod }, container]) => {
    const grace = (numberOf(container, 'SANDPIPER_GRACE_MS') ?? 0) / 1000;
    const delay = (numberOf(container, 'SANDPIPER_STOP_DELAY_MS') ?? 0) / 1000;
    const needed = container.name === 'worker' ? grace + HAND_BACK_SECONDS : delay + ANSWER_SECONDS;
    const given = pod.terminationGracePeriodSeconds ?? 30;
    return given >= needed ? [] : [`${nameOf(owner)}: is killed after ${given} s, but needs ${needed} s`];
  });
}

/** Files that variables name are mounted, from entries of Secrets that are not optional. */
export function mountedFiles(objects: readonly KubernetesObject[]): string[] {
  return workloadsOf(objects).flatMap((workload) =>
    containersOf(workload).flatMap((container) => {
      const there = new Set(filesOf(workload.pod.volumes ?? [], container));
      return (container.env ?? [])
        .filter(({ value }) => value?.startsWith('/etc/') ?? false)
        .filter(({ value = '' }) => !there.has(value))
        .map(({ name, value }) => `${nameOf(workload.owner)}: ${name} names ${value}, which is not mounted`);
    }),
  );
}

/** Secrets are files that the group reads, and no variables, which processes inherit and crash reports show. */
export function secretsAsFiles(objects: readonly KubernetesObject[]): string[] {
  return workloadsOf(objects).flatMap((workload) => [
    ...containersOf(workload).flatMap(({ env = [] }) =>
      env
        .filter(
          ({ name, valueFrom }) =>
            valueFrom?.secretKeyRef !== undefined && !ONLY_IN_THE_ENVIRONMENT.has(name),
        )
        .map(({ name }) => `${nameOf(workload.owner)}: ${name} has a secret in the environment`),
    ),
    ...(workload.pod.volumes ?? []).flatMap(({ name, secret, projected }) =>
      [secret, projected]
        .filter((source) => source !== undefined && source.defaultMode !== 0o440)
        .map(() => `${nameOf(workload.owner)}: the files of the volume ${name} have not the mode 0440`),
    ),
  ]);
}

function filesOf(volumes: readonly Volume[], { volumeMounts = [] }: Container): string[] {
  return volumeMounts.flatMap(({ name, mountPath }) => {
    const volume = volumes.find((one) => one.name === name);
    const secrets = [volume?.secret, ...(volume?.projected?.sources ?? []).map(({ secret }) => secret)];
    return secrets
      .filter((secret) => secret !== undefined && secret.optional !== true)
      .flatMap((secret) => (secret?.items ?? []).map(({ path }) => `${mountPath}/${path}`));
  });
}

/** Every cell of a pod can hold a run with all ceilings at the same time, and has a CPU. */
export function roomForRuns(objects: readonly KubernetesObject[]): string[] {
  const all = services(objects);
  const scheduler = all.find(([, { name }]) => name === 'scheduler')?.[1];
  if (scheduler === undefined) return ['no scheduler: nothing says what a run may use'];
  const ceilings = ['MEMORY', 'DISK', 'OUTPUT'].map((what) =>
    numberOf(scheduler, `SANDPIPER_MAX_${what}_BYTES`),
  );
  if (ceilings.includes(null)) return ['the scheduler lacks a ceiling of memory, disk or output'];
  const run = ceilings.reduce((sum: number, one) => sum + (one ?? 0), 0);
  return all
    .filter(([, { name }]) => name === 'worker')
    .flatMap(([{ owner }, container]) => {
      const cells = numberOf(container, 'SANDPIPER_CELLS');
      const { cpu = '', memory = '' } = container.resources?.limits ?? {};
      if (cells === null) return [`${nameOf(owner)}: has no SANDPIPER_CELLS`];
      const part = (bytesOf(memory) - NODE_RESERVE.node) / cells - NODE_RESERVE.cell;
      return [
        ...(part >= run
          ? []
          : [`${nameOf(owner)}: ${memory} leave ${part} bytes a cell, and a run may use ${run}`]),
        ...(Math.ceil(cpusOf(cpu)) >= cells ? [] : [`${nameOf(owner)}: ${cpu} CPUs for ${cells} cells`]),
      ];
    });
}

const bytesOf = (quantity: string): number =>
  /^\d+Mi$/.test(quantity) ? Number.parseInt(quantity, 10) * MIB : Number.NaN;
const cpusOf = (quantity: string): number =>
  quantity.endsWith('m') ? Number.parseInt(quantity, 10) / 1000 : Number(quantity);
