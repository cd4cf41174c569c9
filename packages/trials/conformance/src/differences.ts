import type { SideResult } from './outcome.js';

/** A method that passes bare and does not pass in the sandbox. */
export interface Difference {
  readonly id: string;
  /** What the sandbox said of it. */
  readonly found: string;
}

/** A line of the list of expected differences. */
export interface ExpectedDifference {
  /**
   * The id of a method, or of a class or module and `.*`: then every method of it that passes bare must
   * differ.
   */
  readonly pattern: string;
  readonly reason: string;
}

export class ListError extends Error {
  override readonly name = 'ListError';
}

/** Lines `pattern<TAB>reason`; empty lines and those that begin with # are left out. */
export function parseExpectations(text: string): ExpectedDifference[] {
  const known = new Set<string>();
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '' || line.startsWith('#')) return [];
    const [pattern = '', reason = '', ...rest] = line.split('\t');
    const where = `line ${index + 1}`;
    if (rest.length > 0 || pattern === '' || reason.trim() === '')
      throw new ListError(`${where}: is not an id, one tab and a reason`);
    if (pattern.slice(0, -1).includes('*') || (pattern.endsWith('*') && !pattern.endsWith('.*')))
      throw new ListError(`${where}: "*" may stand at the end only, after a dot`);
    if (known.has(pattern)) throw new ListError(`${where}: ${pattern} is listed twice`);
    known.add(pattern);
    return [{ pattern, reason: reason.trim() }];
  });
}

export function covers(expectation: ExpectedDifference, id: string): boolean {
  const { pattern } = expectation;
  return pattern.endsWith('.*') ? id.startsWith(pattern.slice(0, -1)) : id === pattern;
}

export function findDifferences(bare: SideResult, sandbox: SideResult): Difference[] {
  return [...bare.outcomes].flatMap(([id, { outcome }]) => {
    if (outcome !== 'pass') return [];
    const there = sandbox.outcomes.get(id);
    if (there?.outcome === 'pass') return [];
    if (there !== undefined) return [{ id, found: `${there.outcome}: ${there.reason}` }];
    return [{ id, found: ['not run', ...sandbox.troubles].join('; ') }];
  });
}

/**
 * Expectations of which at least one method now passes in the sandbox; where all modules were run, also those
 * that no method matches any more. `ids` are the methods that passed bare.
 */
export function findStale(
  expectations: readonly ExpectedDifference[],
  ids: readonly string[],
  differing: ReadonlySet<string>,
  everyModuleWasRun: boolean,
): ExpectedDifference[] {
  return expectations.filter((expectation) => {
    const covered = ids.filter((id) => covers(expectation, id));
    return covered.length === 0 ? everyModuleWasRun : covered.some((id) => !differing.has(id));
  });
}
