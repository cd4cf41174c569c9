import { createHash, type Hash } from 'node:crypto';
import type { Content } from '../files/content.js';
import type { ProblemLimits } from '../package/limits.js';
import type { Problem } from '../package/problem.js';
import type { SubmittedProgram } from '../submissions/submitted-program.js';

/**
 * SHA-256, in hex, of all of a package that verdicts depend on: tests with their contents, groups, validators, included
 * files, settings of limits, and the submissions that make its time limit, where it has none. Names and places of folders
 * are no part of it.
 */
export async function hashProblem(problem: Problem): Promise<string> {
  const { tests, own, included, limitSettings, version, isScoring, objective, examples, ...others } = problem;
  const {
    name: _name,
    path: _path,
    limits: _limits,
    allTests: _allTests,
    best: _best,
    ignored: _ignored,
    warnings: _warnings,
    ...rest
  } = others;
  const measured = limitSettings.timing.cpuMs === null ? examples.map(({ program }) => program) : [];
  const hash = createHash('sha256');
  const contents: Content[] = [];
  feed(
    { tests, own, included, limitSettings, version, isScoring, objective, measured, rest },
    hash,
    contents,
  );
  for (const content of contents) feed(await content.read(), hash, contents);
  return hash.digest('hex');
}

/** SHA-256, in hex, of what the outcomes of a submission depend on. */
export function submissionKey(
  contentHash: string,
  limits: ProblemLimits,
  { entry, files }: SubmittedProgram,
): string {
  const hash = createHash('sha256');
  feed({ contentHash, limits, entry, files }, hash, []);
  return hash.digest('hex');
}

/** Every value goes in with its kind and length, so that no two structures give the same bytes. */
function feed(value: unknown, hash: Hash, contents: Content[]): void {
  if (value instanceof Uint8Array) {
    hash.update(`bytes ${value.length}:`).update(value);
  } else if (isContent(value)) {
    hash.update(`content ${contents.length}:`);
    contents.push(value);
  } else if (Array.isArray(value) || value instanceof Set || value instanceof Map) {
    const items: unknown[] = [...value];
    hash.update(`list ${items.length}:`);
    for (const item of items) feed(item, hash, contents);
  } else if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, one]) => one !== undefined);
    hash.update(`record ${entries.length}:`);
    for (const entry of entries.sort(([a], [b]) => (a < b ? -1 : 1))) feed(entry, hash, contents);
  } else {
    const text = String(value);
    hash.update(`${typeof value} ${text.length}:${text}`);
  }
}

function isContent(value: unknown): value is Content {
  return typeof value === 'object' && value !== null && 'read' in value && typeof value.read === 'function';
}
