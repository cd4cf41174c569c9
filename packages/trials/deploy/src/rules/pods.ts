import {
  type Container,
  containersOf,
  type KubernetesObject,
  nameOf,
  ofKind,
  type Probe,
  type Volume,
  type Workload,
  workloadsOf,
} from '../objects.js';

const VOLUMES = new Set([
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'persistentVolumeClaim',
  'projected',
  'secret',
]);

/** The restricted Pod Security Standard, as Kubernetes 1.36 checks it. */
export function restricted(objects: readonly KubernetesObject[]): string[] {
  return workloadsOf(objects).flatMap((workload) => {
    const at = nameOf(workload.owner);
    const { pod } = workload;
    const context = pod.securityContext ?? {};
    return [
      ...(pod.hostNetwork || pod.hostPID || pod.hostIPC ? [`${at}: shares a namespace of the host`] : []),
      ...((context.sysctls ?? []).length > 0 ? [`${at}: sets sysctls`] : []),
      ...(pod.volumes ?? [])
        .filter(isForbidden)
        .map(({ name }) => `${at}: the volume ${name} is of a forbidden kind`),
      ...containersOf(workload).flatMap((container) =>
        containerFaults(container, context).map((fault) => `${at}, container ${container.name}: ${fault}`),
      ),
    ];
  });
}

const isForbidden = (volume: Volume): boolean =>
  Object.keys(volume).some((key) => key !== 'name' && !VOLUMES.has(key));

function containerFaults(
  container: Container,
  ofPod: NonNullable<Workload['pod']['securityContext']>,
): string[] {
  const own = container.securityContext ?? {};
  const user = own.runAsUser ?? ofPod.runAsUser;
  const profile = (own.seccompProfile ?? ofPod.seccompProfile)?.type;
  const hosts = [container.startupProbe, container.readinessProbe, container.livenessProbe].filter(namesHost);
  return [
    ...(own.allowPrivilegeEscalation === false ? [] : ['allowPrivilegeEscalation is not false']),
    ...(own.privileged ? ['is privileged'] : []),
    ...(own.procMount === undefined || own.procMount === 'Default' ? [] : ['procMount is not Default']),
    ...((own.capabilities?.drop ?? []).includes('ALL') ? [] : ['does not drop all capabilities']),
    ...((own.capabilities?.add ?? []).length > 0 ? ['adds capabilities'] : []),
    ...((own.runAsNonRoot ?? ofPod.runAsNonRoot) === true ? [] : ['runAsNonRoot is not true']),
    ...(user !== undefined && user > 0 ? [] : ['runAsUser is no ordinary user']),
    ...(profile === 'RuntimeDefault' ? [] : ['has no seccomp profile RuntimeDefault']),
    ...((container.ports ?? []).some(({ hostPort }) => hostPort !== undefined) ? ['has a hostPort'] : []),
    ...(hosts.length > 0 ? ['a probe names a host'] : []),
  ];
}

const namesHost = (probe: Probe | undefined): boolean =>
  probe?.httpGet?.host !== undefined || probe?.tcpSocket?.host !== undefined;

/** What every pod of ours has beside that. */
export function ofTheHouse(objects: readonly KubernetesObject[]): string[] {
  const accounts = new Set(ofKind(objects, 'ServiceAccount').map(({ metadata }) => metadata.name));
  const openAccounts = ofKind(objects, 'ServiceAccount')
    .filter((account) => account.automountServiceAccountToken !== false)
    .map((account) => `${nameOf(account)}: gives out its token`);
  const faults = workloadsOf(objects).flatMap((workload) => {
    const at = nameOf(workload.owner);
    return houseFaults(workload, accounts).map((fault) => `${at}: ${fault}`);
  });
  const secrets = ofKind(objects, 'Secret').map((secret) => `${nameOf(secret)}: the chart makes no Secrets`);
  return [...openAccounts, ...faults, ...secrets];
}

function houseFaults(workload: Workload, accounts: ReadonlySet<string>): string[] {
  const { pod } = workload;
  const tmp = (pod.volumes ?? []).find(({ name }) => name === 'tmp')?.emptyDir;
  return [
    ...(pod.automountServiceAccountToken === false ? [] : ['mounts a token']),
    ...(pod.enableServiceLinks === false ? [] : ['enableServiceLinks is not false']),
    ...(accounts.has(pod.serviceAccountName ?? '') ? [] : ['its ServiceAccount is not in the chart']),
    ...(pod.nodeSelector?.['kubernetes.io/arch'] === 'amd64'
      ? []
      : ['may run on other processors than amd64']),
    ...(pod.nodeSelector?.['kubernetes.io/os'] === 'linux' ? [] : ['may run on other systems than Linux']),
    ...(pod.securityContext?.fsGroup === 1000 ? [] : ['fsGroup is not 1000']),
    ...(tmp?.medium === 'Memory' && tmp.sizeLimit === '64Mi' ? [] : ['/tmp is not 64 MiB of memory']),
    ...containersOf(workload).flatMap((container) =>
      sizeFaults(container).map((fault) => `container ${container.name}: ${fault}`),
    ),
  ];
}

function sizeFaults({ resources = {}, securityContext, volumeMounts = [] }: Container): string[] {
  const { requests = {}, limits = {} } = resources;
  return [
    ...(securityContext?.readOnlyRootFilesystem === true ? [] : ['its root is writable']),
    ...(volumeMounts.some(({ mountPath }) => mountPath === '/tmp') ? [] : ['/tmp is not mounted']),
    ...['cpu', 'memory'].flatMap((name) =>
      requests[name] !== undefined && requests[name] === limits[name]
        ? []
        : [`${name}: request and limit differ`],
    ),
  ];
}
