import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SandpiperClient } from '@sandpiper/client';
import type { SubmissionState } from '@sandpiper/contracts';
import { gradeAll, HostCompiler, loadProblem, type Problem } from '@sandpiper/grading';
import { connectFailFast, KEYS } from '@sandpiper/store';
import { Processes, type RedisServer, startRedis, type TestService } from '@sandpiper/testkit';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { zipOf } from '../../../packages/tools/grading/test/zip.js';

/** Problems and submissions with real schedulers, nodes and guests. */

const CONTEST = fileURLToPath(new URL('../../../examples/contest/problems/', import.meta.url));

let redis: RedisServer;
let processes: Processes;

beforeEach(async () => {
  redis = await startRedis({ own: true });
  processes = new Processes(redis);
});

afterEach(async () => {
  await processes.kill();
  await redis.stop();
});

const clientOf = ({ url }: TestService): SandpiperClient => new SandpiperClient(url);

async function zipped(folder: string): Promise<Uint8Array<ArrayBuffer>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const read = files.map(async (file) => ({
    name: file.slice(folder.length + 1),
    bytes: await readFile(file),
  }));
  return Uint8Array.from(zipOf(await Promise.all(read)));
}

const slowPackage = (tests: number): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(
    zipOf([
      { name: 'slow/problem.yaml', bytes: 'name: Slow\nlimits: {time_limit: 20, memory: 64}\n' },
      ...Array.from({ length: tests }, (_, n) => [
        { name: `slow/data/secret/${n}.in`, bytes: `${n}\n` },
        { name: `slow/data/secret/${n}.ans`, bytes: `${n}\n` },
      ]).flat(),
    ]),
  );

const SLOW = 'import time\nn = input()\nwhile time.process_time() < 1: pass\nprint(n)\n';

const finishedRuns = async (): Promise<number> => {
  const connection = connectFailFast(redis.url);
  await new Promise<void>((resolve) => connection.once('ready', () => resolve()));
  const counts = await connection.hvals(KEYS.finished);
  connection.disconnect();
  return counts.reduce((sum, count) => sum + Number(count), 0);
};

const patience = { timeout: 120_000, interval: 100 };

describe('the judge of a service', () => {
  it('judges problems of every kind as grade does, with the same verdicts, points and tests', async () => {
    const client = clientOf(await processes.scheduler({ SANDPIPER_COMPILE: '1' }));
    await processes.node('n1');
    for (const name of ['cipher', 'guess', 'order', 'rulers', 'tiers']) {
      const folder = join(CONTEST, name);
      const stored = await client.problems.upload(await zipped(folder), { id: name });
      const problem = await loadProblem(folder, { compiler: new HostCompiler() });
      expect(stored).toMatchObject({ id: name, name: problem.name, tests: problem.allTests.length });
      expect(stored.types.includes('submit-answer')).toBe(name === 'rulers');
      // What a package expects of its own submissions decides how many tests grade runs.
      const examples = problem.examples.filter(({ label }) => !label.startsWith('time_limit'));
      const submissions = examples.map((example) => ({ ...example, expectation: null }));
      const [graded] = await gradeAll(client, [{ problem, submissions, ignored: [] }], {
        retryUnreliable: 2,
        runsAll: false,
        onProgress: () => undefined,
        signal: new AbortController().signal,
      });
      const judged = await Promise.all(examples.map((example) => judge(client, name, example)));
      for (const [at, state] of judged.entries()) {
        const outcome = graded?.submissions[at]?.outcome;
        if (outcome === undefined) throw new Error('grade has left out a submission');
        expect({ verdict: state.verdict, score: state.score, groups: state.result?.groups }).toEqual({
          verdict: outcome.verdict,
          score: outcome.score,
          groups: outcome.groups,
        });
        expect(state.result?.tests.map(({ test, verdict }) => [test, verdict])).toEqual(
          outcome.tests.map(({ test, verdict }) => [test, verdict]),
        );
      }
    }
  }, 600_000);

  it('goes on where a scheduler was killed: nothing runs twice, and there is one verdict', async () => {
    const first = await processes.scheduler({ SANDPIPER_JUDGE_LEASE_MS: '2000' });
    await processes.node('n1');
    const client = clientOf(first);
    const problem = await client.problems.upload(slowPackage(8), { id: 'slow' });
    const id = await client.submissions.submit({ problem: problem.id, source: SLOW });
    await vi.waitFor(
      async () => expect((await client.submissions.get(id)).progress?.done).toBeGreaterThan(1),
      patience,
    );
    const second = await processes.scheduler({ SANDPIPER_JUDGE_LEASE_MS: '2000' });
    first.child.kill('SIGKILL');
    const judged = await clientOf(second).submissions.judged(id);
    expect(judged).toMatchObject({ state: 'done', verdict: 'AC', result: { passed: 8, total: 8 } });
    expect(await finishedRuns()).toBe(8);
  }, 300_000);

  it('leaves a submission to another scheduler when it stops', async () => {
    const first = await processes.scheduler();
    await processes.node('n1');
    const client = clientOf(first);
    await client.problems.upload(slowPackage(6), { id: 'slow' });
    const id = await client.submissions.submit({ problem: 'slow', source: SLOW });
    await vi.waitFor(
      async () => expect((await client.submissions.get(id)).progress?.done).toBeGreaterThan(1),
      patience,
    );
    const second = await processes.scheduler();
    first.child.kill('SIGTERM');
    expect(await first.exit).toBe(0);
    const judged = await clientOf(second).submissions.judged(id);
    expect(judged).toMatchObject({ state: 'done', verdict: 'AC', result: { passed: 6, total: 6 } });
    expect(await finishedRuns()).toBe(6);
  }, 300_000);

  it('tells progress, cancels, and judges again by a new version', async () => {
    const scheduler = await processes.scheduler();
    await processes.node('n1');
    const client = clientOf(scheduler);
    await client.problems.upload(slowPackage(40), { id: 'slow' });
    const id = await client.submissions.submit({ problem: 'slow', source: SLOW, label: 'ada' });
    const far: number[] = [];
    const stop = new AbortController();
    const following = client.submissions
      .judged(id, {
        signal: stop.signal,
        onProgress: ({ progress }) => {
          if (progress !== null) far.push(progress.done);
          if (far.length === 2) stop.abort();
        },
      })
      .catch(() => null);
    await following;
    expect(far.at(-1)).toBeGreaterThan(far[0] ?? 0);
    await client.submissions.cancel(id);
    expect(await client.submissions.judged(id)).toMatchObject({
      state: 'cancelled',
      verdict: null,
      result: null,
    });

    const wrong = zipOf([
      { name: 'problem.yaml', bytes: 'limits: {time_limit: 2, memory: 64}\n' },
      { name: 'data/secret/1.in', bytes: '1\n' },
      { name: 'data/secret/1.ans', bytes: '3\n' },
    ]);
    const right = zipOf([
      { name: 'problem.yaml', bytes: 'limits: {time_limit: 2, memory: 64}\n' },
      { name: 'data/secret/1.in', bytes: '1\n' },
      { name: 'data/secret/1.ans', bytes: '2\n' },
    ]);
    const bad = await client.problems.upload(Uint8Array.from(wrong), { id: 'next' });
    const next = await client.submissions.submit({ problem: 'next', source: 'print(int(input()) + 1)' });
    expect(await client.submissions.judged(next)).toMatchObject({ verdict: 'WA', version: bad.version });
    const good = await client.problems.upload(Uint8Array.from(right), { id: 'next' });
    expect(await client.problems.rejudge('next')).toEqual({ queued: 1, waiting: 0 });
    const again = await client.submissions.judged(next);
    expect(again).toMatchObject({ verdict: 'AC', version: good.version });
    expect(again.history).toMatchObject([{ verdict: 'WA', version: bad.version }]);
    await client.submissions.rejudge(next, { version: bad.version });
    expect(await client.submissions.judged(next)).toMatchObject({ verdict: 'WA' });
  }, 300_000);

  it('says what is wrong with a program or a problem by the verdict', async () => {
    const client = clientOf(await processes.scheduler());
    await processes.node('n1');
    await client.problems.upload(slowPackage(1), { id: 'slow' });
    const verdictOn = async (request: object): Promise<SubmissionState> =>
      client.submissions.judged(await client.submissions.submit({ problem: 'slow', ...request }));
    expect(await verdictOn({ files: [{ name: 'notes.txt', content: '' }] })).toMatchObject({
      verdict: 'CE',
      result: { reason: 'the folder contains no .py file' },
    });
    expect(await verdictOn({ source: 'print(' })).toMatchObject({ verdict: 'CE' });
    const files = [
      { name: 'main.py', content: 'from helper import echo\necho()\n' },
      { name: 'helper.py', content: 'def echo(): print(input())\n' },
    ];
    expect(await verdictOn({ files })).toMatchObject({ verdict: 'AC' });
  }, 300_000);

  it('judges by the unit tests of a course', async () => {
    const client = clientOf(await processes.scheduler());
    await processes.node('n1');
    const lines = [
      'import unittest',
      'from add import add',
      'class AddTest(unittest.TestCase):',
      '    def test_sum(self):',
    ];
    const bytes = [...lines, '        self.assertEqual(add(1, 2), 3)', ''].join('\n');
    await client.problems.upload(Uint8Array.from(zipOf([{ name: 'add/tests/test_add.py', bytes }])), {
      id: 'add',
    });
    const judgedOn = async (content: string): Promise<SubmissionState> => {
      const files = [{ name: 'add.py', content }];
      return client.submissions.judged(await client.submissions.submit({ problem: 'add', files }));
    };
    expect(await judgedOn('def add(a, b): return a + b')).toMatchObject({
      verdict: 'AC',
      result: { tests: [{ visibility: 'visible' }] },
    });
    expect(await judgedOn('def add(a, b): return a - b')).toMatchObject({ verdict: 'WA' });
  }, 300_000);
});

async function judge(
  client: SandpiperClient,
  problem: string,
  { program }: Problem['examples'][number],
): Promise<SubmissionState> {
  // What grade has made of answers has a folder for them.
  const files = (program?.files ?? []).map(({ name, bytes }) => ({
    name: name.replace(/^answers\//, ''),
    contentBase64: bytes.toString('base64'),
  }));
  const entry = program?.entry ?? 'main.py';
  return client.submissions.judged(await client.submissions.submit({ problem, files, entry }));
}
