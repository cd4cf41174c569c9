import {
  containersOf,
  type KubernetesObject,
  type Labels,
  matches,
  nameOf,
  ofKind,
  type Workload,
  workloadsOf,
} from '../objects.js';

interface Selecting {
  readonly selector?: { readonly matchLabels?: Labels };
}
interface ServiceSpec {
  readonly selector: Labels;
  readonly ports: readonly {
    readonly name: string;
    readonly port: number;
    readonly targetPort: string | number;
  }[];
}
interface PolicyRule {
  readonly ports?: readonly { readonly port: number }[];
  readonly from?: readonly Peer[];
  readonly to?: readonly Peer[];
}
interface Peer {
  readonly podSelector?: { readonly matchLabels?: Labels };
  readonly namespaceSelector?: unknown;
}
interface PolicySpec {
  readonly podSelector: { readonly matchLabels?: Labels };
  readonly policyTypes?: readonly string[];
  readonly ingress?: readonly PolicyRule[];
  readonly egress?: readonly PolicyRule[];
}
interface IngressSpec {
  readonly rules: readonly {
    readonly http: {
      readonly paths: readonly {
        readonly backend: {
          readonly service: { readonly name: string; readonly port: { readonly name: string } };
        };
      }[];
    };
  }[];
}
interface ScalingSpec {
  readonly scaleTargetRef: { readonly name: string };
}

/** A name has 63 characters at most, and Kubernetes appends up to 11 to it. */
const LONGEST_NAME = 52;

export function names(objects: readonly KubernetesObject[]): string[] {
  const seen = new Set<string>();
  return objects.flatMap((object) => {
    const { name } = object.metadata;
    const twice = seen.has(nameOf(object));
    seen.add(nameOf(object));
    return [
      ...(twice ? [`${nameOf(object)}: is there twice`] : []),
      ...(/^[a-z]([a-z0-9-]*[a-z0-9])?$/.test(name) ? [] : [`${nameOf(object)}: is no DNS label`]),
      ...(name.length <= LONGEST_NAME ? [] : [`${nameOf(object)}: has ${name.length} characters`]),
    ];
  });
}

/** Selectors find the pods that they are for, and no pods of others. */
export function selectors(objects: readonly KubernetesObject[]): string[] {
  const workloads = workloadsOf(objects);
  return [
    ...workloads.flatMap((workload) => ownPods(workload, workloads)),
    ...ofKind(objects, 'PodDisruptionBudget', 'PodMonitor', 'Service', 'NetworkPolicy').flatMap((object) =>
      podsOf(object, workloads).length > 0 ? [] : [`${nameOf(object)}: selects no pod of the chart`],
    ),
    ...ofKind(objects, 'ServiceMonitor').flatMap((object) => {
      const wanted = (object.spec as Selecting).selector?.matchLabels ?? {};
      const found = ofKind(objects, 'Service').filter(({ metadata }) =>
        matches(wanted, metadata.labels ?? {}),
      );
      return found.length === 1 ? [] : [`${nameOf(object)}: selects ${found.length} Services`];
    }),
    ...workloads
      .filter(({ owner }) => owner.kind === 'Deployment')
      .flatMap(({ owner, labels }) => {
        const budgets = ofKind(objects, 'PodDisruptionBudget').filter((budget) =>
          matches((budget.spec as Selecting).selector?.matchLabels ?? {}, labels),
        );
        return budgets.length === 1 ? [] : [`${nameOf(owner)}: has ${budgets.length} disruption budgets`];
      }),
  ];
}

function ownPods({ owner, selector, labels, pod }: Workload, all: readonly Workload[]): string[] {
  const spread = (pod.topologySpreadConstraints ?? []).filter(
    ({ labelSelector }) => !matches(labelSelector.matchLabels, labels),
  );
  const others = all.filter(
    (one) => one.owner !== owner && selector !== null && matches(selector, one.labels),
  );
  return [
    ...(selector === null || matches(selector, labels)
      ? []
      : [`${nameOf(owner)}: does not select its own pods`]),
    ...(selector !== null && Object.keys(selector).length === 0
      ? [`${nameOf(owner)}: selects everything`]
      : []),
    ...others.map((one) => `${nameOf(owner)}: selects pods of ${nameOf(one.owner)} too`),
    ...spread.map(() => `${nameOf(owner)}: spreads other pods than its own`),
  ];
}

function podsOf(object: KubernetesObject, workloads: readonly Workload[]): Workload[] {
  const spec = object.spec as Selecting & Partial<PolicySpec>;
  const wanted =
    object.kind === 'Service'
      ? (object.spec as ServiceSpec).selector
      : (spec.podSelector?.matchLabels ?? spec.selector?.matchLabels ?? {});
  return workloads.filter(({ labels }) => matches(wanted, labels));
}

const portsOf = (workload: Workload): Set<string | number> =>
  new Set(
    containersOf(workload).flatMap(({ ports = [] }) =>
      ports.flatMap(({ name, containerPort }) => [containerPort, ...(name === undefined ? [] : [name])]),
    ),
  );

/** Ports of probes, Services, monitors and ingresses are there. */
export function ports(objects: readonly KubernetesObject[]): string[] {
  const workloads = workloadsOf(objects);
  return [
    ...workloads.flatMap((workload) =>
      containersOf(workload)
        .flatMap(({ startupProbe, readinessProbe, livenessProbe }) => [
          startupProbe,
          readinessProbe,
          livenessProbe,
        ])
        .map((probe) => probe?.httpGet?.port ?? probe?.tcpSocket?.port)
        .filter((port) => port !== undefined && !portsOf(workload).has(port))
        .map((port) => `${nameOf(workload.owner)}: a probe asks port ${port}, which no container has`),
    ),
    ...ofKind(objects, 'Service').flatMap((service) =>
      (service.spec as ServiceSpec).ports
        .filter(({ targetPort }) =>
          podsOf(service, workloads).some((workload) => !portsOf(workload).has(targetPort)),
        )
        .map(({ targetPort }) => `${nameOf(service)}: its pods have no port ${targetPort}`),
    ),
    ...monitoredPorts(objects, workloads),
    ...ofKind(objects, 'Ingress').flatMap((ingress) =>
      (ingress.spec as IngressSpec).rules
        .flatMap(({ http }) => http.paths.map(({ backend }) => backend.service))
        .filter(({ name, port }) => !hasPort(objects, name, port.name))
        .map(({ name, port }) => `${nameOf(ingress)}: there is no port ${port.name} of a Service ${name}`),
    ),
  ];
}

const hasPort = (objects: readonly KubernetesObject[], service: string, port: string): boolean =>
  ofKind(objects, 'Service').some(
    ({ metadata, spec }) =>
      metadata.name === service && (spec as ServiceSpec).ports.some(({ name }) => name === port),
  );

function monitoredPorts(objects: readonly KubernetesObject[], workloads: readonly Workload[]): string[] {
  interface Monitoring extends Selecting {
    readonly endpoints?: readonly { readonly port: string }[];
    readonly podMetricsEndpoints?: readonly { readonly port: string }[];
  }
  return ofKind(objects, 'ServiceMonitor', 'PodMonitor').flatMap((monitor) => {
    const { selector, endpoints = [], podMetricsEndpoints = [] } = monitor.spec as Monitoring;
    const services = ofKind(objects, 'Service').filter(({ metadata }) =>
      matches(selector?.matchLabels ?? {}, metadata.labels ?? {}),
    );
    return [
      ...endpoints.filter(
        ({ port }) => !services.every(({ metadata }) => hasPort(objects, metadata.name, port)),
      ),
      ...podMetricsEndpoints.filter(({ port }) =>
        podsOf(monitor, workloads).some((workload) => !portsOf(workload).has(port)),
      ),
    ].map(({ port }) => `${nameOf(monitor)}: there is no port ${port}`);
  });
}

/** Policies name ports of containers, and, where there are any, each pod has one for both directions. */
export function policies(objects: readonly KubernetesObject[]): string[] {
  const all = ofKind(objects, 'NetworkPolicy');
  if (all.length === 0) return [];
  const workloads = workloadsOf(objects);
  return [
    ...workloads.flatMap((workload) => {
      const own = all.filter((policy) => podsOf(policy, workloads).includes(workload));
      return own.length === 1 ? [] : [`${nameOf(workload.owner)}: has ${own.length} NetworkPolicies`];
    }),
    ...all.flatMap((policy) => {
      const { policyTypes = [], ingress = [], egress = [] } = policy.spec as PolicySpec;
      return [
        ...(['Ingress', 'Egress'].every((type) => policyTypes.includes(type))
          ? []
          : [`${nameOf(policy)}: leaves a direction open`]),
        ...ingress.flatMap((rule) => rulePorts(policy, rule, podsOf(policy, workloads))),
        ...egress.flatMap((rule) => [
          ...((rule.ports ?? []).length === 0 ? [`${nameOf(policy)}: lets every port out`] : []),
          ...insidePeers(rule, workloads).flatMap((pods) => rulePorts(policy, rule, pods)),
        ]),
      ];
    }),
  ];
}

/** For each peer that is a pod of this namespace, the pods of the chart that it means. */
const insidePeers = ({ to = [] }: PolicyRule, workloads: readonly Workload[]): Workload[][] =>
  to
    .filter(
      ({ podSelector, namespaceSelector }) => podSelector !== undefined && namespaceSelector === undefined,
    )
    .map(({ podSelector }) =>
      workloads.filter(({ labels }) => matches(podSelector?.matchLabels ?? {}, labels)),
    );

function rulePorts(
  policy: KubernetesObject,
  { ports: given = [] }: PolicyRule,
  pods: readonly Workload[],
): string[] {
  return [
    ...(pods.length === 0 ? [`${nameOf(policy)}: a peer is no pod of the chart`] : []),
    ...(given.length === 0 ? [`${nameOf(policy)}: lets every port in`] : []),
    ...pods.flatMap((pod) =>
      given
        .filter(({ port }) => !portsOf(pod).has(port))
        .map(({ port }) => `${nameOf(policy)}: ${nameOf(pod.owner)} has no port ${port}`),
    ),
  ];
}

/** What is scaled has no replicas of its own, and the rest has. */
export function scaling(objects: readonly KubernetesObject[]): string[] {
  const workloads = workloadsOf(objects).filter(({ selector }) => selector !== null);
  const scalers = ofKind(objects, 'ScaledObject', 'HorizontalPodAutoscaler');
  const targetOf = (scaler: KubernetesObject): string => (scaler.spec as ScalingSpec).scaleTargetRef.name;
  return [
    ...scalers
      .filter(
        (scaler) =>
          !workloads.some(
            ({ owner }) => owner.kind === 'Deployment' && owner.metadata.name === targetOf(scaler),
          ),
      )
      .map((scaler) => `${nameOf(scaler)}: scales nothing of the chart`),
    ...workloads.flatMap(({ owner, replicas }) => {
      const count = scalers.filter((scaler) => targetOf(scaler) === owner.metadata.name).length;
      return [
        ...(count > 1 ? [`${nameOf(owner)}: is scaled by ${count} objects`] : []),
        ...(count === 1 && replicas !== null ? [`${nameOf(owner)}: is scaled and has replicas`] : []),
        ...(count === 0 && replicas === null ? [`${nameOf(owner)}: has no replicas`] : []),
      ];
    }),
  ];
}
