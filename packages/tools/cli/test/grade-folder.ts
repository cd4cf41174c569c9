import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { GradingReport } from '@sandpiper/grading';
import { afterEach, beforeEach } from 'vitest';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));

/** A folder for each test of a file, and a way to put files there. */
export function scratchClass(): {
  readonly folder: () => string;
  readonly put: (files: Readonly<Record<string, string>>) => Promise<void>;
} {
  let root = '';
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'graded-'));
  });
  afterEach(async () => {
    await rm(root, { recursive: true, force: true });
  });
  return {
    folder: () => root,
    put: async (files) => {
      for (const [name, content] of Object.entries(files)) {
        await mkdir(dirname(join(root, name)), { recursive: true });
        await writeFile(join(root, name), content);
      }
    },
  };
}

/** Runs the command, whatever its exit code. */
export async function sandpiper(
  words: readonly string[],
): Promise<{ code: number; stdout: string; stderr: string }> {
  const run = promisify(execFile)('./sandpiper', words, { cwd: ROOT, timeout: 580_000 });
  return run.then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({
      code,
      stdout,
      stderr,
    }),
  );
}

/** Grades a class of problems with one submission each: verdict and reason by the name of the problem. */
export async function gradeFolder(
  folder: string,
  options: readonly string[],
): Promise<{ found: Record<string, string>; report: GradingReport | null; code: number; stderr: string }> {
  const json = join(folder, 'report.json');
  const { code, stderr } = await sandpiper(['grade', folder, '--json', json, ...options]);
  const text = await readFile(json, 'utf8').catch(() => null);
  if (text === null) return { found: {}, report: null, code, stderr };
  const report = JSON.parse(text) as GradingReport;
  const found = report.problems.map(({ name, submissions: [one] }) => [
    name,
    `${one?.verdict ?? ''} ${one?.firstFailure?.reason ?? one?.fault ?? ''}`.trim(),
  ]);
  return { found: Object.fromEntries(found) as Record<string, string>, report, code, stderr };
}
