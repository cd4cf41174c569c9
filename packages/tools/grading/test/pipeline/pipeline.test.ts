import type { RunRequest } from '@sandpiper/contracts';
import { describe, expect, it } from 'vitest';
import type { GradingJob } from '../../src/load-class.js';
import type { Problem } from '../../src/package/problem.js';
import { gradeAll } from '../../src/pipeline/pipeline.js';
import { problemWith, submissionOf } from '../graded.js';
import { EchoService } from './echo-service.js';

function job(
  tests: [input: string, answer: string][],
  submissions: number,
  more: Partial<Problem> = {},
): GradingJob {
  const problem = { ...problemWith(tests), ...more };
  return {
    problem,
    submissions: Array.from({ length: submissions }, (_, n) => submissionOf(`s${n}.py`)),
    ignored: [],
  };
}

const options = {
  retryUnreliable: 0,
  runsAll: false,
  onProgress: () => undefined,
  signal: new AbortController().signal,
};

const runsOf = (service: EchoService): RunRequest[] => [...service.batches.values()].flat();

describe('grading through a service', () => {
  it('submits every submission on every test, and reports the progress', async () => {
    const service = new EchoService();
    const seen: number[] = [];
    const [graded] = await gradeAll(
      service,
      [
        job(
          [
            ['1', '1'],
            ['2', '3'],
          ],
          150,
        ),
      ],
      {
        ...options,
        onProgress: (done) => seen.push(done),
        retryUnreliable: 1,
      },
    );
    expect(graded?.submissions).toHaveLength(150);
    expect(graded?.submissions[149]?.outcome).toMatchObject({ verdict: 'WA', passed: 1, total: 2 });
    expect(seen.at(-1)).toBe(300);
    expect(new Set(runsOf(service).map(({ retryUnreliable }) => retryUnreliable))).toEqual(new Set([1]));
  });

  it('stops at the first failure that decides, and runs all tests where it is asked to', async () => {
    const tests = Array.from({ length: 40 }, (_, n): [string, string] => [
      String(n),
      n === 3 ? 'x' : String(n),
    ]);
    const few = new EchoService();
    const [stopped] = await gradeAll(few, [job(tests, 1)], options);
    expect(stopped?.submissions[0]?.outcome).toMatchObject({ verdict: 'WA', passed: 3, total: 40 });
    expect(stopped?.submissions[0]?.outcome.tests.map(({ test }) => test)).toEqual([
      'secret/0',
      'secret/1',
      'secret/2',
      'secret/3',
    ]);
    expect(runsOf(few).length).toBeLessThan(10);
    const all = new EchoService();
    const [whole] = await gradeAll(all, [job(tests, 1)], { ...options, runsAll: true });
    expect(whole?.submissions[0]?.outcome).toMatchObject({ verdict: 'WA', passed: 39, total: 40 });
    expect(runsOf(all)).toHaveLength(40);
  });

  it('cancels what still runs when the verdict stands', async () => {
    const service = new EchoService(3);
    const tests = Array.from({ length: 20 }, (): [string, string] => ['1', '1']);
    await gradeAll(service, [job([['1', '1'], ['1', '1'], ['1', 'x'], ...tests], 1)], options);
    expect(service.cancelled).toEqual(['b1']);
  });

  it('keeps rounds small in bytes too', async () => {
    const service = new EchoService();
    const large = 'x'.repeat(3 * 2 ** 20);
    await gradeAll(
      service,
      [
        job(
          [
            [large, large],
            [large, large],
            [large, large],
          ],
          1,
        ),
      ],
      options,
    );
    expect(service.batches.size).toBe(3);
  });

  it('has a row for what cannot run, and grades the others', async () => {
    const fault = submissionOf('bob', { program: null, fault: 'is empty' });
    const [graded] = await gradeAll(
      new EchoService(),
      [{ ...job([['1', '1']], 1), submissions: [fault, submissionOf('ann')] }],
      options,
    );
    expect(graded?.submissions.map(({ outcome }) => [outcome.verdict, outcome.fault])).toEqual([
      ['CE', 'is empty'],
      ['AC', null],
    ]);
  });

  it('gives a program its files, those of the problem and those of the test', async () => {
    const service = new EchoService();
    const file = (name: string, text: string) => ({ name, bytes: Buffer.from(text) });
    const content = { bytes: 4, read: () => Promise.resolve(Buffer.from('test')) };
    const one = job([['1', '1']], 1, { included: [file('lib.py', 'problem'), file('data.txt', 'problem')] });
    const [test] = one.problem.allTests;
    if (test === undefined) throw new Error('no test');
    Object.assign(test, { args: ['5'], files: [{ name: 'data.txt', content }] });
    await gradeAll(service, [one], options);
    const [request] = runsOf(service);
    expect(request).toMatchObject({ entry: 's0.py', args: ['5'] });
    expect(request?.files?.map(({ name, content: text }) => [name, text])).toEqual([
      ['s0.py', ''],
      ['lib.py', 'problem'],
      ['data.txt', 'test'],
    ]);
  });

  it('measures the accepted submissions of a package without a time limit', async () => {
    const service = new EchoService();
    const { problem, submissions } = job([['1', '1']], 1);
    const { limitSettings } = problem;
    const accepted = {
      tests: null,
      permitted: new Set(['AC'] as const),
      required: new Set(['AC'] as const),
      message: null,
    };
    const expectation = { text: 'accepted', rules: [accepted], score: null, isPartial: false };
    const untimed = {
      ...problem,
      limitSettings: { ...limitSettings, timing: { ...limitSettings.timing, cpuMs: null } },
      examples: [submissionOf('right.py', { expectation })],
    };
    const [graded] = await gradeAll(service, [{ problem: untimed, submissions, ignored: [] }], options);
    expect(graded?.timeLimitNote).toBe(
      'time limit 1 s: 5 times the accepted submission (0.001 s), in steps of 1 s',
    );
    expect(runsOf(service).map(({ limits }) => limits?.cpuMs)).toEqual([60_000, 1000]);
  });

  it('cancels batches in flight when it is stopped or the service fails', async () => {
    const service = new EchoService();
    const abort = new AbortController();
    const many = Array.from({ length: 10 }, (): [string, string] => ['1', '1']);
    await expect(
      gradeAll(service, [job(many, 1)], {
        ...options,
        onProgress: () => abort.abort(),
        signal: abort.signal,
      }),
    ).rejects.toThrow();

    const failing = new EchoService();
    failing.followBatch = () => {
      throw new Error('gone');
    };
    await expect(gradeAll(failing, [job(many, 1)], options)).rejects.toThrow('gone');
    expect(failing.cancelled).toEqual(['b0']);
  });
});
