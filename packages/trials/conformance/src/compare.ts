import {
  covers,
  type Difference,
  type ExpectedDifference,
  findDifferences,
  findStale,
} from './differences.js';
import type { SideResult } from './outcome.js';

export interface ModuleReport {
  readonly module: string;
  readonly bare: SideResult;
  readonly sandbox: SideResult;
  readonly excepted: readonly (Difference & { readonly reason: string })[];
  readonly unexpected: readonly Difference[];
}

export interface Report {
  readonly modules: readonly ModuleReport[];
  /** Expectations to remove from the list, or to narrow. */
  readonly stale: readonly ExpectedDifference[];
}

export function compareModule(
  module: string,
  bare: SideResult,
  sandbox: SideResult,
  expectations: readonly ExpectedDifference[],
): ModuleReport {
  const excepted: (Difference & { reason: string })[] = [];
  const unexpected: Difference[] = [];
  for (const difference of findDifferences(bare, sandbox)) {
    const expectation = expectations.find((each) => covers(each, difference.id));
    if (expectation === undefined) unexpected.push(difference);
    else excepted.push({ ...difference, reason: expectation.reason });
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

export function agrees(report: Report): boolean {
  return report.modules.every((module) => module.unexpected.length === 0 && !isHollow(module));
}
