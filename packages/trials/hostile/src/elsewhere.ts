import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { TestElsewhere } from './behaviour.js';

const TOP = fileURLToPath(new URL('../../../..', import.meta.url));
/** A file of tests may start servers of its own. */
const DEADLINE_MS = 300_000;

export interface ElsewhereOutcome {
  readonly passed: number;
  readonly failed: number;
  readonly ms: number;
}

/** Of vitest's JSON: so much as is needed here. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
}

/** Runs the tests of that title. None found is a failure, as is a file that does not come to its tests. */
export async function runElsewhere({ file, title }: TestElsewhere): Promise<ElsewhereOutcome> {
  const folder = mkdtempSync(join(tmpdir(), 'sandpiper-elsewhere-'));
  const out = join(folder, 'report.json');
  const pattern = title.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const vitest = join(TOP, 'node_modules/vitest/vitest.mjs');
  const began = performance.now();
  try {
    await promisify(execFile)(
      process.execPath,
      [vitest, 'run', file, '-t', pattern, '--reporter=json', `--outputFile=${out}`],
      {
        cwd: TOP,
        timeout: DEADLINE_MS,
      },
    ).catch(() => undefined); // the report says it
    const report = JSON.parse(readFileSync(out, 'utf8')) as Report;
    const passed = report.numPassedTests;
    return { passed, failed: report.numFailedTests + (passed === 0 ? 1 : 0), ms: performance.now() - began };
  } catch {
    return { passed: 0, failed: 1, ms: performance.now() - began };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
