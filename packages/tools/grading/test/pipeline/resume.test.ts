import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fixedContent } from '../../src/files/content.js';
import { hashProblem } from '../../src/pipeline/content-key.js';
import {
  type Graded,
  type GradingOptions,
  gradeUntilStopped,
  type KeyedJob,
} from '../../src/pipeline/pipeline.js';
import { readEarlierReport } from '../../src/report/earlier-report.js';
import { buildReport, type GradingReport } from '../../src/report/report.js';
import { problemWith, submissionOf } from '../graded.js';
import { EchoService } from './echo-service.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'resume-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const TESTS = Array.from({ length: 12 }, (_, n): [string, string] => [String(n), String(n)]);

async function jobOf(labels: readonly string[], tests = TESTS): Promise<KeyedJob> {
  const problem = problemWith(tests);
  const submissions = labels.map((label) => programOf(label, `print(${JSON.stringify(label)})`));
  return { problem, submissions, ignored: [], contentHash: await hashProblem(problem) };
}

const programOf = (label: string, source: string) =>
  submissionOf(label, { program: { entry: label, files: [{ name: label, bytes: Buffer.from(source) }] } });

async function graded(
  job: KeyedJob,
  options: Partial<GradingOptions> = {},
): Promise<{ service: EchoService; result: Graded; report: GradingReport }> {
  const service = new EchoService();
  const result = await gradeUntilStopped(service, [job], {
    ...{
      retryUnreliable: 0,
      runsAll: true,
      onProgress: () => undefined,
      signal: new AbortController().signal,
    },
    ...options,
  });
  const report = buildReport(result.problems, () => null, { isComplete: result.failure === null });
  return { service, result, report };
}

const runsOf = ({ batches }: EchoService): number =>
  [...batches.values()].reduce((sum, runs) => sum + runs.length, 0);

async function resumed(report: GradingReport, job: KeyedJob, options: Partial<GradingOptions> = {}) {
  const file = join(folder, 'report.json');
  await writeFile(file, JSON.stringify(report));
  return graded(job, { ...options, earlier: await readEarlierReport(file) });
}

/** Stops after the first test that was judged. */
async function stoppedEarly(job: KeyedJob) {
  const abort = new AbortController();
  return graded(job, { runsAll: false, signal: abort.signal, onJudged: async () => abort.abort() });
}

describe('judging that was stopped', () => {
  it('gives what was judged, with no verdict where none stands', async () => {
    const { result, report } = await stoppedEarly(await jobOf(['a.py']));
    expect(result.failure).toBeInstanceOf(Error);
    expect(report.isComplete).toBe(false);
    expect(report.problems[0]?.submissions[0]).toMatchObject({ verdict: null, score: null, total: 12 });
    expect(report.problems[0]?.submissions[0]?.tests.length).toBeGreaterThan(0);
  });

  it('goes on where it was stopped', async () => {
    const job = await jobOf(['a.py', 'b.py']);
    const first = await stoppedEarly(job);
    const known =
      first.report.problems[0]?.submissions.reduce((sum, { tests }) => sum + tests.length, 0) ?? 0;
    const { service, report } = await resumed(first.report, job);
    expect(report.isComplete).toBe(true);
    expect(runsOf(service)).toBe(24 - known);
    expect(report.problems[0]?.submissions.map(({ verdict }) => verdict)).toEqual(['AC', 'AC']);
  });
});

describe('what is judged again', () => {
  it('is nothing when all is as it was, whatever it is called', async () => {
    const { report } = await graded(await jobOf(['a.py']));
    const job = await jobOf(['a.py']);
    const renamed = {
      ...job,
      submissions: job.submissions.map(({ program }) => submissionOf('other-name.py', { program })),
    };
    const { service, report: again } = await resumed(report, renamed);
    expect(runsOf(service)).toBe(0);
    expect(again.problems[0]?.submissions[0]).toMatchObject({
      verdict: 'AC',
      passed: 12,
      label: 'other-name.py',
    });
  });

  it('is a program that has changed', async () => {
    const { report } = await graded(await jobOf(['a.py', 'b.py']));
    const job = await jobOf(['a.py', 'b.py']);
    const changed = {
      ...job,
      submissions: [...job.submissions.slice(0, 1), programOf('b.py', 'print("new")')],
    };
    expect(runsOf((await resumed(report, changed)).service)).toBe(12);
  });

  it('is everything when an answer, a limit or a file of the package has changed', async () => {
    const { report } = await graded(await jobOf(['a.py']));
    const answer = await jobOf(['a.py'], [...TESTS.slice(1), ['0', 'x']]);
    expect(runsOf((await resumed(report, answer)).service)).toBe(12);
    const job = await jobOf(['a.py']);
    const limited = { ...job, problem: { ...job.problem, limits: { ...job.problem.limits, cpuMs: 9 } } };
    expect(runsOf((await resumed(report, limited)).service)).toBe(12);
    const included = { ...job.problem, included: [{ name: 'lib.py', bytes: Buffer.from('') }] };
    expect(await hashProblem(included)).not.toBe(job.contentHash);
  });

  it('is what the judge failed on', async () => {
    const job = await jobOf(['a.py']);
    const { report } = await graded(job);
    const failed = JSON.parse(
      JSON.stringify(report).replace('"verdict":"AC","status"', '"verdict":"JE","status"'),
    ) as GradingReport;
    expect(runsOf((await resumed(failed, job)).service)).toBe(1);
  });
});

describe('the hash of a package', () => {
  it('does not depend on its place and name', async () => {
    const problem = problemWith(TESTS);
    expect(await hashProblem({ ...problem, path: 'elsewhere', name: 'x' })).toBe(await hashProblem(problem));
  });

  it('tells where one content ends and the next begins', async () => {
    const hashOf = (input: string, answer: string) => hashProblem(problemWith([[input, answer]]));
    expect(await hashOf('ab', 'c')).not.toBe(await hashOf('a', 'bc'));
    const [test] = problemWith([['1', '2']]).allTests;
    expect(test?.input).toEqual({ ...fixedContent(Buffer.from('1')), read: expect.any(Function) as unknown });
  });
});

describe('a file that is no report', () => {
  it.each([
    ['[]', 'is not a report of sandpiper grade --json'],
    ['{', 'is not JSON'],
    ['{"version":1,"problems":[{"contentHash":5}]}', 'problems.0.contentHash'],
  ])('%s is refused', async (text, why) => {
    const file = join(folder, 'report.json');
    await writeFile(file, text);
    await expect(readEarlierReport(file)).rejects.toThrow(why);
  });
});
