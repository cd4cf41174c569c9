import { type Command, SILENCES } from './command.js';
import { compareModule, idsThatPass, type ModuleReport } from './compare.js';
import type { ExpectedDifference } from './differences.js';
import type { ModuleResult, ModuleResults } from './module-results.js';
import { createModuleProgress } from './progress.js';
import type { ReasonRule } from './reasons.js';
import { runModule } from './run-module.js';
import { bareSide, type Side, sandboxSide } from './sides.js';

/** What says which differences stay, and why. */
interface Explanations {
  readonly expectations: readonly ExpectedDifference[];
  readonly rules: readonly ReasonRule[];
}

/** Runs the modules that have no result yet, one after the other, and compares all. */
export async function compareModules(
  modules: readonly string[],
  command: Command,
  { expectations, rules }: Explanations,
  results: ModuleResults,
): Promise<ModuleReport[]> {
  const sides = {
    bare: bareSide(command.runtime ?? 'pypy3'),
    sandbox: sandboxSide(command.runtime, command.library),
  };
  const close = (): void => Object.values(sides).forEach((side) => side.close());
  const interrupt = (): void => {
    close();
    process.exit(130);
  };
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  const progress = createModuleProgress(process.stderr, modules.length);
  const compare = (result: ModuleResult) => compareModule(result, expectations, rules);
  const reports: ModuleReport[] = [];
  try {
    for (const module of modules) {
      const known = results.find(module);
      const kept = known === null ? null : compare(known);
      if (kept !== null && !(command.again && kept.unexpected.length > 0)) {
        reports.push(kept);
        progress.skip();
        continue;
      }
      const result = await runBothSides(module, command, sides, (side, ended) =>
        progress.update(module, side, ended),
      );
      results.add(result);
      const report = compare(result);
      reports.push(report);
      progress.finish(module, figuresOf(report));
    }
    return reports;
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
    close();
  }
}

async function runBothSides(
  module: string,
  { patienceMs, leastPatienceMs }: Command,
  sides: Readonly<Record<'bare' | 'sandbox', Side>>,
  onProgress: (side: string, ended: number) => void,
): Promise<ModuleResult> {
  const run = (side: Side, patience: number) =>
    runModule(side, module, patience, (ended) => onProgress(side.name, ended));
  const bare = await run(sides.bare, patienceMs);
  const sandbox = await run(sides.sandbox, Math.max(leastPatienceMs, SILENCES * bare.silenceMs));
  return { module, bare, sandbox };
}

function figuresOf({ bare, excepted, unexpected }: ModuleReport): string {
  const passed = `${idsThatPass(bare).length} pass bare`;
  return `${passed}, ${excepted.length} excepted, ${unexpected.length} unexpected differences`;
}
