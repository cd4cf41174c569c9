import type { KubernetesObject } from './objects.js';
import { ofTheHouse, restricted } from './rules/pods.js';
import { names, policies, ports, scaling, selectors } from './rules/references.js';
import {
  graceBelowTermination,
  knownSettings,
  mountedFiles,
  roomForRuns,
  secretsAsFiles,
} from './rules/settings.js';
import { schemaComplaints } from './schemas.js';

const RULES = [
  restricted,
  ofTheHouse,
  names,
  selectors,
  ports,
  policies,
  scaling,
  knownSettings,
  graceBelowTermination,
  mountedFiles,
  secretsAsFiles,
  roomForRuns,
] as const;

/** Everything that is wrong with the objects of one installation, a line each. */
export function complaintsAbout(objects: readonly KubernetesObject[]): string[] {
  const formal = objects.flatMap(schemaComplaints);
  return formal.length > 0 ? formal : RULES.flatMap((rule) => rule(objects));
}
