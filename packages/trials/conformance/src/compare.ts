import {
  covers,
  type Difference,
  type ExpectedDifference,
  findDifferences,
  findStale,
} from './differences.js';
import type { ModuleResult } from './module-results.js';
import type { SideResult } from './outcome.js';
import { reasonOfDifference, type ReasonRule } from './reasons.js';

export interface ModuleReport extends ModuleResult {
  readonly excepted: readonly (Difference & { readonly reason: string })[];
  readonly unexpected: readonly Difference[];
}

export interface Report {
  readonly modules: readonly ModuleReport[];
  /** Expectations to remove from the list, or to narrow. */
  readonly stale: readonly ExpectedDifference[];
}

/** `rules` give a reason to differences that are not expected. */
export function compareModule(
  { module, bare, sandbox }: ModuleResult,
  expectations: readonly ExpectedDifference[],
  rules: readonly ReasonRule[],
): ModuleReport {
  const excepted: (Difference & { reason: string })[] = [];
  const unexpected: Difference[] = [];
  for (const difference of findDifferences(bare, sandbox)) {
    const expectation = expectations.find((each) => covers(each, difference.id));
    const reason = expectation?.reason ?? reasonOfDifference(rules, difference);
    if (reason === null) unexpected.push(difference);
    else excepted.push({ ...difference, reason });
  }
  return { module, bare, sandbox, excepted, unexpected };
}

export function compareAll(
  modules: readonly ModuleReport[],
  expectations: readonly ExpectedDifference[],
  everyModuleWasRun: boolean,
): Report {
  const passedBare = modules.flatMap(({ bare }) => idsThatPass(bare));
  const differing = new Set(
    modules.flatMap(({ excepted, unexpected }) => [...excepted, ...unexpected].map(({ id }) => id)),
  );
  return { modules, stale: findStale(expectations, passedBare, differing, everyModuleWasRun) };
}

export function idsThatPass(side: SideResult): string[] {
  return [...side.outcomes].flatMap(([id, { outcome }]) => (outcome === 'pass' ? [id] : []));
}

/**
 * A module of which nothing passes bare compares nothing: its package is not installed, or it does not load.
 */
export function isHollow(report: ModuleReport): boolean {
  return idsThatPass(report.bare).length === 0;
}

/** `mayBeHollow`: among all modules of the package are some that have no tests for this system. */
export function agrees(report: Report, mayBeHollow: boolean): boolean {
  return report.modules.every(
    (module) => module.unexpected.length === 0 && (mayBeHollow || !isHollow(module)),
  );
}
