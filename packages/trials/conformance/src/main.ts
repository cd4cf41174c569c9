import { readFileSync, writeFileSync } from 'node:fs';
import { type Command, HELP, parseCommand, UsageError } from './command.js';
import { agrees, compareAll, compareModule, idsThatPass, type ModuleReport } from './compare.js';
import { type ExpectedDifference, ListError, parseExpectations } from './differences.js';
import { MODULES } from './modules.js';
import { createModuleProgress } from './progress.js';
import { renderConformanceReport, reportAsJson } from './report.js';
import { runModule } from './run-module.js';
import { bareSide, type Side, sandboxSide } from './sides.js';

const LIST = new URL('../expected-differences.tsv', import.meta.url);

async function main(args: readonly string[]): Promise<number> {
  const command = parseCommand(args);
  if (command.kind === 'help') {
    process.stdout.write(HELP);
    return 0;
  }
  if (command.kind === 'list') {
    process.stdout.write(`${MODULES.join('\n')}\n`);
    return 0;
  }
  // Written before the long work too: a path that is not writable is reported at once.
  if (command.jsonPath !== null) writeJson(command.jsonPath, '{}\n');
  const expectations = parseExpectations(readFileSync(LIST, 'utf8'));
  const report = compareAll(await compareModules(command, expectations), expectations, command.everyModule);
  process.stdout.write(renderConformanceReport(report));
  if (command.jsonPath !== null) writeJson(command.jsonPath, reportAsJson(report));
  return agrees(report) ? 0 : 1;
}

function writeJson(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw new UsageError(`--json: ${(error as Error).message}`);
  }
}

async function compareModules(
  command: Command,
  expectations: readonly ExpectedDifference[],
): Promise<ModuleReport[]> {
  const sides = [bareSide(), sandboxSide()];
  const [bare, sandbox] = sides as [Side, Side];
  const close = (): void => sides.forEach((side) => side.close());
  const interrupt = (): void => {
    close();
    process.exit(130);
  };
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  const progress = createModuleProgress(process.stderr, command.modules.length);
  const reports: ModuleReport[] = [];
  try {
    for (const module of command.modules) {
      const run = (side: Side) =>
        runModule(side, module, command.patienceMs, (ended) => progress.update(module, side.name, ended));
      const report = compareModule(module, await run(bare), await run(sandbox), expectations);
      reports.push(report);
      progress.finish(
        module,
        `${idsThatPass(report.bare).length} pass bare, ${report.excepted.length} excepted, ` +
          `${report.unexpected.length} unexpected differences`,
      );
    }
    return reports;
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
    close();
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`conformance: ${(error as Error).message}\n`);
  process.exitCode = error instanceof UsageError || error instanceof ListError ? 2 : 1;
}
