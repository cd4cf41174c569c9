import { readFileSync, writeFileSync } from 'node:fs';
import { HELP, parseCommand } from './command.js';
import { agrees, compareAll } from './compare.js';
import { ListError, parseExpectations } from './differences.js';
import { compareModules } from './measure.js';
import { ModuleResults } from './module-results.js';
import { everyModule, MODULES, modulesOfPackage } from './modules.js';
import { parseReasons } from './reasons.js';
import { renderConformanceReport, reportAsJson } from './report.js';
import { forOption, UsageError } from './usage.js';

const LIST = new URL('../expected-differences.tsv', import.meta.url);
const REASONS = new URL('../reasons.tsv', import.meta.url);

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
  const interpreter = command.runtime ?? 'pypy3';
  const chosen =
    command.modules ??
    (command.package === null ? everyModule(interpreter) : modulesOfPackage(interpreter, command.package));
  const results = forOption('--results', () => new ModuleResults(command.resultsPath));
  const expectations = parseExpectations(readFileSync(LIST, 'utf8'));
  const rules = command.byReasons ? parseReasons(readFileSync(REASONS, 'utf8')) : [];
  const modules = await compareModules(chosen, command, { expectations, rules }, results);
  const report = compareAll(modules, expectations, command.everyModule);
  process.stdout.write(renderConformanceReport(report));
  if (command.jsonPath !== null) writeJson(command.jsonPath, reportAsJson(report));
  return agrees(report, command.byReasons) ? 0 : 1;
}

function writeJson(path: string, text: string): void {
  forOption('--json', () => writeFileSync(path, text));
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`conformance: ${(error as Error).message}\n`);
  process.exitCode = error instanceof UsageError || error instanceof ListError ? 2 : 1;
}
