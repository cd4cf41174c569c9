import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import type { KubernetesObject } from './objects.js';

/** The top of the checkout. */
export const CHECKOUT = new URL('../../../../', import.meta.url);
export const CHART = fileURLToPath(new URL('deploy/helm/sandpiper', CHECKOUT));

/** A program that scripts/test has unpacked into .tools, or the one that a variable names; null where there is none. */
function toolAt(variable: string, path: string): string | null {
  const file = process.env[variable] ?? fileURLToPath(new URL(`.tools/${path}`, CHECKOUT));
  return existsSync(file) ? file : null;
}

export const HELM = toolAt('TEST_HELM', 'helm/helm');
/** The oldest Helm that the chart is for. */
export const HELM3 = toolAt('TEST_HELM3', 'helm3/helm');
export const PROMTOOL = toolAt('TEST_PROMTOOL', 'prometheus/usr/bin/promtool');

export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function runTool(tool: string | null, args: readonly string[], input = ''): Outcome {
  if (tool === null) throw new Error('the program is not there: scripts/test fetches it');
  const { status, stdout, stderr } = spawnSync(tool, args, {
    input,
    encoding: 'utf8',
    maxBuffer: 64 << 20,
    timeout: 60_000,
  });
  return { status, stdout, stderr };
}

export interface Release {
  readonly name?: string;
  readonly namespace?: string;
  /** The Helm that renders it. */
  readonly helm?: string | null;
}

/** `helm template` with values that are given as text or as an object. */
export function template(
  values: unknown,
  { name = 'sandpiper', namespace = 'farm', helm = HELM }: Release = {},
): Outcome {
  const text = typeof values === 'string' ? values : JSON.stringify(values);
  const args = ['template', name, CHART, '--namespace', namespace, '--kube-version', '1.36.0'];
  return runTool(helm, [...args, '--values', '-'], text);
}

/** The objects of a rendering that must succeed. */
export function render(values: unknown, release: Release = {}): KubernetesObject[] {
  const { status, stdout, stderr } = template(values, release);
  if (status !== 0) throw new Error(`helm template failed: ${stderr}`);
  return objectsIn(stdout);
}

/** @throws Error for a document with a fault, such as a key that occurs twice. */
export function objectsIn(text: string): KubernetesObject[] {
  return parseAllDocuments(text, { uniqueKeys: true, version: '1.1' })
    .map((document) => {
      const [fault] = document.errors;
      if (fault !== undefined) throw fault;
      return document.toJS() as KubernetesObject | null;
    })
    .filter((object) => object !== null);
}
