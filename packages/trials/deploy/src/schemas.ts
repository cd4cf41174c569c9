import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { Ajv, type ValidateFunction } from 'ajv';
import { type KubernetesObject, nameOf } from './objects.js';

const fixture = (name: string): Buffer => readFileSync(new URL(`../fixtures/${name}`, import.meta.url));

/** The name of a group in the definitions, by the apiVersion's group. */
const GROUPS: Readonly<Record<string, string>> = {
  v1: 'io.k8s.api.core.v1',
  'apps/v1': 'io.k8s.api.apps.v1',
  'policy/v1': 'io.k8s.api.policy.v1',
  'networking.k8s.io/v1': 'io.k8s.api.networking.v1',
  'autoscaling/v2': 'io.k8s.api.autoscaling.v2',
};

let compiler: Ajv | null = null;
const compiled = new Map<string, ValidateFunction | null>();

function loadDefinitions(): Ajv {
  // Formats such as int32 are Kubernetes' own.
  const ajv = new Ajv({ strict: false, validateFormats: false });
  const kubernetes = JSON.parse(gunzipSync(fixture('kubernetes-schemas.json.gz')).toString('utf8')) as object;
  const monitoring = JSON.parse(fixture('monitoring-schemas.json').toString('utf8')) as object;
  ajv.addSchema({ $id: 'kubernetes', $defs: kubernetes });
  ajv.addSchema({ $id: 'monitoring', $defs: monitoring });
  return ajv;
}

function definitionOf({ apiVersion, kind }: KubernetesObject): string | null {
  const group = GROUPS[apiVersion];
  if (group !== undefined) return `kubernetes#/$defs/${group}.${kind}`;
  if (apiVersion === 'keda.sh/v1alpha1') return `kubernetes#/$defs/crd.${kind}.v1alpha1`;
  if (apiVersion === 'monitoring.coreos.com/v1') return `monitoring#/$defs/${kind}`;
  return null;
}

function validatorOf(object: KubernetesObject): ValidateFunction | null {
  const definition = definitionOf(object);
  if (definition === null) return null;
  if (!compiled.has(definition)) {
    compiler ??= loadDefinitions();
    compiled.set(definition, compiler.getSchema(definition) ?? null);
  }
  return compiled.get(definition) ?? null;
}

/** What the strict schemas say against an object, a line each. An object of an unknown kind is a complaint as well. */
export function schemaComplaints(object: KubernetesObject): string[] {
  const validate = validatorOf(object);
  if (validate === null) return [`${nameOf(object)}: no schema for ${object.apiVersion}`];
  if (validate(object)) return [];
  return (validate.errors ?? []).map(({ instancePath, message = '', params }) => {
    const unknown = (params as { additionalProperty?: string }).additionalProperty;
    return `${nameOf(object)}: ${instancePath} ${message}${unknown === undefined ? '' : ` (${unknown})`}`;
  });
}
