import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { HELM, render } from '../src/helm.js';
import { complaintsAbout } from '../src/judge.js';
import type { KubernetesObject } from '../src/objects.js';

type Tree = Record<string, unknown>;

const values = ['try-out-password', 'ingress', 'tls'].map((name) =>
  readFileSync(new URL(`../fixtures/values/${name}.yaml`, import.meta.url), 'utf8'),
);

/** Follows a path such as `spec.template.spec.containers.0`. */
function at(tree: unknown, path: string): Tree {
  let here = tree;
  for (const step of path.split('.')) here = (here as Tree | undefined)?.[step];
  if (here === undefined) throw new Error(`there is no ${path}`);
  return here as Tree;
}

/** A variable of the worker's container. */
function variable(object: Tree, name: string): Tree {
  const found = (at(object, `${WORKER}.env`) as unknown as Tree[]).find((one) => one['name'] === name);
  if (found === undefined) throw new Error(`there is no ${name}`);
  return found;
}

const POD = 'spec.template.spec';
const WORKER = `${POD}.containers.0`;

/** What is done to which object, and what the complaint says. */
const CASES: readonly [string, RegExp, (object: Tree) => void, RegExp][] = [
  ['an unknown field', /Deployment .*worker/, (o) => (at(o, 'spec')['replicaCount'] = 1), /replicaCount/],
  [
    'a misspelt field',
    /Deployment .*worker/,
    (o) => (at(o, `${WORKER}.securityContext`)['readOnlyRootFileSystem'] = true),
    /readOnlyRootFileSystem/,
  ],
  [
    'a wrong type',
    /Deployment .*worker/,
    (o) => (at(o, POD)['terminationGracePeriodSeconds'] = '135'),
    /integer/,
  ],
  [
    'a misspelt field of KEDA',
    /ScaledObject/,
    (o) => (at(o, 'spec')['cooldownperiod'] = 3),
    /cooldownperiod/,
  ],
  [
    'a misspelt field of a monitor',
    /PodMonitor/,
    (o) => (at(o, 'spec')['podMetricEndpoints'] = []),
    /podMetricEndpoints/,
  ],
  [
    'an object without a schema',
    /Service sandpiper-scheduler/,
    (o) => (o['apiVersion'] = 'v2'),
    /no schema for v2/,
  ],
  [
    'a shared network',
    /Deployment .*worker/,
    (o) => (at(o, POD)['hostNetwork'] = true),
    /shares a namespace/,
  ],
  [
    'a folder of the host',
    /Deployment .*worker/,
    (o) => (at(o, POD)['volumes'] = [{ name: 'tmp', hostPath: { path: '/tmp' } }]),
    /forbidden kind/,
  ],
  [
    'escalation',
    /Deployment .*worker/,
    (o) => (at(o, `${WORKER}.securityContext`)['allowPrivilegeEscalation'] = true),
    /allowPrivilegeEscalation/,
  ],
  [
    'some capabilities',
    /Deployment .*worker/,
    (o) => (at(o, `${WORKER}.securityContext`)['capabilities'] = { drop: ['NET_RAW'] }),
    /drop all capabilities/,
  ],
  [
    'one more capability',
    /Pod .*test/,
    (o) => (at(o, 'spec.containers.0.securityContext.capabilities')['add'] = ['SYS_PTRACE']),
    /adds capabilities/,
  ],
  [
    'root',
    /Deployment .*scheduler/,
    (o) => (at(o, `${POD}.securityContext`)['runAsUser'] = 0),
    /no ordinary user/,
  ],
  [
    'any user',
    /Deployment .*scheduler/,
    (o) => delete at(o, `${POD}.securityContext`)['runAsNonRoot'],
    /runAsNonRoot/,
  ],
  [
    'no seccomp profile',
    /StatefulSet/,
    (o) => delete at(o, `${POD}.securityContext`)['seccompProfile'],
    /RuntimeDefault/,
  ],
  [
    'a host in a probe',
    /Deployment .*worker/,
    (o) => (at(o, `${WORKER}.readinessProbe.httpGet`)['host'] = '10.0.0.1'),
    /probe names a host/,
  ],
  [
    'a port of the host',
    /Deployment .*worker/,
    (o) => (at(o, `${WORKER}.ports.0`)['hostPort'] = 9090),
    /hostPort/,
  ],
  [
    'a writable root',
    /Deployment .*worker/,
    (o) => (at(o, `${WORKER}.securityContext`)['readOnlyRootFilesystem'] = false),
    /writable/,
  ],
  ['a token', /Pod .*test/, (o) => delete at(o, 'spec')['automountServiceAccountToken'], /mounts a token/],
  [
    'a token of an account',
    /ServiceAccount .*worker/,
    (o) => delete o['automountServiceAccountToken'],
    /gives out its token/,
  ],
  [
    'an account that is not there',
    /Deployment .*worker/,
    (o) => (at(o, POD)['serviceAccountName'] = 'default'),
    /ServiceAccount is not/,
  ],
  [
    'variables of other Services',
    /Deployment .*worker/,
    (o) => delete at(o, POD)['enableServiceLinks'],
    /enableServiceLinks/,
  ],
  [
    'another processor',
    /Deployment .*worker/,
    (o) => delete at(o, `${POD}.nodeSelector`)['kubernetes.io/arch'],
    /amd64/,
  ],
  [
    'a limit above the request',
    /Deployment .*worker/,
    (o) => (at(o, `${WORKER}.resources.limits`)['memory'] = '4096Mi'),
    /memory: request and limit differ/,
  ],
  [
    'a /tmp on disk',
    /Deployment .*worker/,
    (o) =>
      (at(o, POD)['volumes'] = [
        { name: 'tmp', emptyDir: {} },
        ...(at(o, POD)['volumes'] as unknown[]).slice(1),
      ]),
    /64 MiB of memory/,
  ],
  [
    'a long name',
    /Service sandpiper-scheduler/,
    (o) => (at(o, 'metadata')['name'] = 'x'.repeat(53)),
    /53 characters/,
  ],
  [
    'a selector of other pods',
    /Deployment .*worker/,
    (o) => (at(o, 'spec.selector.matchLabels')['sandpiper/pool'] = 'other'),
    /does not select its own/,
  ],
  [
    'a selector of all pods',
    /Deployment .*worker/,
    (o) => (at(o, 'spec.selector')['matchLabels'] = { 'app.kubernetes.io/name': 'sandpiper' }),
    /selects pods of/,
  ],
  [
    'a budget for nobody',
    /PodDisruptionBudget .*worker/,
    (o) => (at(o, 'spec.selector.matchLabels')['sandpiper/pool'] = 'other'),
    /selects no pod/,
  ],
  [
    'a Service for nobody',
    /Service sandpiper-scheduler/,
    (o) => (at(o, 'spec.selector')['app.kubernetes.io/component'] = 'api'),
    /selects no pod/,
  ],
  [
    'a Service with another port',
    /Service sandpiper-scheduler/,
    (o) => (at(o, 'spec.ports.0')['targetPort'] = 'web'),
    /no port web/,
  ],
  [
    'a probe of another port',
    /Deployment .*worker/,
    (o) => (at(o, `${WORKER}.livenessProbe.httpGet`)['port'] = 9091),
    /asks port 9091/,
  ],
  [
    'a monitor of another port',
    /PodMonitor/,
    (o) => (at(o, 'spec.podMetricsEndpoints.0')['port'] = 'web'),
    /no port web/,
  ],
  [
    'an ingress to another port',
    /Ingress/,
    (o) => (at(o, 'spec.rules.0.http.paths.0.backend.service.port')['name'] = 'web'),
    /no port web/,
  ],
  [
    'a policy with another port',
    /NetworkPolicy .*worker/,
    (o) => (at(o, 'spec.ingress.0.ports.0')['port'] = 9091),
    /has no port 9091/,
  ],
  [
    'a policy for one direction',
    /NetworkPolicy .*worker/,
    (o) => (at(o, 'spec')['policyTypes'] = ['Ingress']),
    /direction open/,
  ],
  [
    'a policy for nobody',
    /NetworkPolicy .*worker/,
    (o) => (at(o, 'spec.podSelector.matchLabels')['sandpiper/pool'] = 'other'),
    /0 NetworkPolicies/,
  ],
  [
    'a policy that lets every port out',
    /NetworkPolicy .*worker/,
    (o) => delete at(o, 'spec.egress.0')['ports'],
    /every port out/,
  ],
  [
    'a policy to other ports of Redis',
    /NetworkPolicy .*worker/,
    (o) => (at(o, 'spec.egress.1.ports.0')['port'] = 6380),
    /has no port 6380/,
  ],
  [
    'replicas of what is scaled',
    /Deployment .*worker/,
    (o) => (at(o, 'spec')['replicas'] = 2),
    /scaled and has replicas/,
  ],
  [
    'no replicas of what is not',
    /Deployment .*scheduler/,
    (o) => delete at(o, 'spec')['replicas'],
    /has no replicas/,
  ],
  [
    'a scaler of nothing',
    /ScaledObject/,
    (o) => (at(o, 'spec.scaleTargetRef')['name'] = 'x'),
    /scales nothing/,
  ],
  [
    'a variable that does not exist',
    /Deployment .*worker/,
    (o) => (at(o, `${WORKER}.env`) as unknown as Tree[]).push({ name: 'SANDPIPER_CELL', value: '2' }),
    /knows no SANDPIPER_CELL/,
  ],
  [
    'a variable twice',
    /Deployment .*worker/,
    (o) => (at(o, `${WORKER}.env`) as unknown as Tree[]).push({ name: 'SANDPIPER_PORT', value: '2' }),
    /SANDPIPER_PORT is given twice/,
  ],
  [
    'a value out of bounds',
    /Deployment .*worker/,
    (o) => (variable(o, 'SANDPIPER_CELLS')['value'] = '2000'),
    /SANDPIPER_CELLS is 2000/,
  ],
  [
    'a short termination',
    /Deployment .*worker/,
    (o) => (at(o, POD)['terminationGracePeriodSeconds'] = 134),
    /killed after 134 s, but needs 135/,
  ],
  [
    'a short termination of a scheduler',
    /Deployment .*scheduler/,
    (o) => (at(o, POD)['terminationGracePeriodSeconds'] = 14),
    /killed after 14 s, but needs 15/,
  ],
  [
    'a secret in the environment',
    /Deployment .*scheduler/,
    (o) =>
      (at(o, `${WORKER}.env`) as unknown as Tree[]).push({
        name: 'SANDPIPER_CALLBACK_SECRET',
        valueFrom: { secretKeyRef: { name: 'keys', key: 'callback-secret' } },
      }),
    /SANDPIPER_CALLBACK_SECRET has a secret in the environment/,
  ],
  [
    'a secret that everyone in the pod reads',
    /Deployment .*scheduler/,
    (o) => delete at(o, `${POD}.volumes.1.projected`)['defaultMode'],
    /volume keys have not the mode 0440/,
  ],
  [
    'a file that is not mounted',
    /Deployment .*worker/,
    (o) => (at(o, `${POD}.volumes.1.projected.sources.0.secret.items.0`)['path'] = 'word'),
    /not mounted/,
  ],
  [
    'a Secret that may be missing',
    /Deployment .*worker/,
    (o) => (at(o, `${POD}.volumes.1.projected.sources.0.secret`)['optional'] = true),
    /not mounted/,
  ],
  [
    'less memory than runs may use',
    /Deployment .*worker/,
    (o) => {
      for (const part of ['limits', 'requests']) at(o, `${WORKER}.resources.${part}`)['memory'] = '511Mi';
    },
    /bytes a cell, and a run may use/,
  ],
  [
    'fewer CPUs than cells',
    /Deployment .*worker/,
    (o) => (variable(o, 'SANDPIPER_CELLS')['value'] = '1024'),
    /CPUs for 1024 cells/,
  ],
];

describe.skipIf(HELM === null)('the rules find (if skipped, they need TEST_HELM)', () => {
  let good: KubernetesObject[][];
  beforeAll(() => {
    good = values.map((text) => render(text));
  });

  it('nothing in what the chart makes', () => {
    for (const objects of good) expect(complaintsAbout(objects)).toEqual([]);
  });

  it.each(CASES)('%s', (_what, which, change, complaint) => {
    const tried = good.flatMap((objects) => {
      const copy = structuredClone(objects) as unknown as Tree[];
      const target = copy.find((object) =>
        which.test(`${String(object['kind'])} ${String(at(object, 'metadata')['name'])}`),
      );
      if (target === undefined) return [];
      try {
        change(target);
      } catch {
        return []; // these values make no such part
      }
      return [complaintsAbout(copy as unknown as KubernetesObject[]).join('\n')];
    });
    expect(
      tried.some((text) => complaint.test(text)),
      tried.join('\n\n'),
    ).toBe(true);
  });
});
