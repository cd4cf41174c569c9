import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import type { GradingReport } from '@sandpiper/grading';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));

it('the example class gets its expected verdicts through the whole pipeline', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'class-'));
  try {
    const json = join(folder, 'report.json');
    const { stdout } = await promisify(execFile)('./sandpiper', ['grade', 'examples/class', '--json', json], {
      cwd: ROOT,
      timeout: 280_000,
    });
    const report = JSON.parse(await readFile(json, 'utf8')) as GradingReport;
    const verdicts = report.problems.map((problem) => [
      problem.path.split('/').at(-1),
      Object.fromEntries(problem.submissions.map((submission) => [submission.label, submission.verdict])),
    ]);
    const expected: unknown = JSON.parse(await readFile(`${ROOT}examples/class/expected.json`, 'utf8'));
    expect(Object.fromEntries(verdicts)).toEqual(expected);
    expect(report.problems.flatMap((problem) => problem.submissions)).toHaveLength(30);
    expect(stdout).toContain('30 of 30 verdicts are as expected.');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 300_000);
