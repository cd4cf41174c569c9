/** The parts of Kubernetes' objects that the rules look at. The strict schemas have seen to their form. */

export type Labels = Readonly<Record<string, string>>;

export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Labels;
    readonly annotations?: Labels;
  };
  readonly spec?: unknown;
  readonly data?: Labels;
  readonly automountServiceAccountToken?: boolean;
}

interface KeyReference {
  readonly name: string;
  readonly key: string;
}

export interface EnvVariable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: {
    readonly secretKeyRef?: KeyReference;
    readonly fieldRef?: { readonly fieldPath: string };
  };
}

export interface Probe {
  readonly httpGet?: { readonly path: string; readonly port: string | number; readonly host?: string };
  readonly tcpSocket?: { readonly port: string | number; readonly host?: string };
}

interface ContainerPort {
  readonly name?: string;
  readonly containerPort: number;
  readonly hostPort?: number;
}

interface SecurityContext {
  readonly allowPrivilegeEscalation?: boolean;
  readonly readOnlyRootFilesystem?: boolean;
  readonly privileged?: boolean;
  readonly procMount?: string;
  readonly runAsUser?: number;
  readonly runAsNonRoot?: boolean;
  readonly seccompProfile?: { readonly type: string };
  readonly capabilities?: { readonly add?: readonly string[]; readonly drop?: readonly string[] };
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly EnvVariable[];
  readonly ports?: readonly ContainerPort[];
  readonly securityContext?: SecurityContext;
  readonly resources?: { readonly requests?: Labels; readonly limits?: Labels };
  readonly startupProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
}

interface SecretItems {
  readonly name?: string;
  readonly secretName?: string;
  readonly items?: readonly { readonly key: string; readonly path: string }[];
  readonly optional?: boolean;
  readonly defaultMode?: number;
}

export interface Volume {
  readonly name: string;
  readonly emptyDir?: { readonly medium?: string; readonly sizeLimit?: string };
  readonly secret?: SecretItems;
  readonly projected?: {
    readonly sources: readonly { readonly secret?: SecretItems }[];
    readonly defaultMode?: number;
  };
  readonly [kind: string]: unknown;
}

interface PodSpec {
  readonly serviceAccountName?: string;
  readonly automountServiceAccountToken?: boolean;
  readonly enableServiceLinks?: boolean;
  readonly hostNetwork?: boolean;
  readonly hostPID?: boolean;
  readonly hostIPC?: boolean;
  readonly securityContext?: SecurityContext & {
    readonly fsGroup?: number;
    readonly sysctls?: readonly unknown[];
  };
  readonly nodeSelector?: Labels;
  readonly terminationGracePeriodSeconds?: number;
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly volumes?: readonly Volume[];
  readonly topologySpreadConstraints?: readonly {
    readonly labelSelector: { readonly matchLabels: Labels };
  }[];
}

export interface Workload {
  readonly owner: KubernetesObject;
  readonly labels: Labels;
  readonly pod: PodSpec;
  /** What the owner selects its pods by; null for a pod of its own. */
  readonly selector: Labels | null;
  readonly replicas: number | null;
  /** Volumes that a StatefulSet claims for its pods. */
  readonly claims: readonly string[];
}

/** `Deployment sandpiper-scheduler`: how complaints name an object. */
export const nameOf = ({ kind, metadata }: KubernetesObject): string => `${kind} ${metadata.name}`;

export const ofKind = (objects: readonly KubernetesObject[], ...kinds: string[]): KubernetesObject[] =>
  objects.filter(({ kind }) => kinds.includes(kind));

interface WorkloadSpec {
  readonly replicas?: number;
  readonly selector: { readonly matchLabels: Labels };
  readonly template: { readonly metadata: { readonly labels?: Labels }; readonly spec: PodSpec };
  readonly volumeClaimTemplates?: readonly KubernetesObject[];
}

/** Everything that has pods. */
export function workloadsOf(objects: readonly KubernetesObject[]): Workload[] {
  return [
    ...ofKind(objects, 'Deployment', 'StatefulSet').map((owner): Workload => {
      const { replicas, selector, template, volumeClaimTemplates = [] } = owner.spec as WorkloadSpec;
      return {
        owner,
        labels: template.metadata.labels ?? {},
        pod: template.spec,
        selector: selector.matchLabels,
        replicas: replicas ?? null,
        claims: volumeClaimTemplates.map(({ metadata }) => metadata.name),
      };
    }),
    ...ofKind(objects, 'Pod').map(
      (owner): Workload => ({
        owner,
        labels: owner.metadata.labels ?? {},
        pod: owner.spec as PodSpec,
        selector: null,
        replicas: null,
        claims: [],
      }),
    ),
  ];
}

export const containersOf = ({ pod }: Workload): Container[] => [
  ...pod.containers,
  ...(pod.initContainers ?? []),
];

/** Whether labels match a selector; an empty one matches everything. */
export const matches = (selector: Labels, labels: Labels): boolean =>
  Object.entries(selector).every(([key, value]) => labels[key] === value);
