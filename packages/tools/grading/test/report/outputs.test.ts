import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunResult } from '@sandpiper/contracts';
import type { GradingJob } from '../../src/load-class.js';
import type { TestOutcome } from '../../src/judge/verdict.js';
import type { JudgedTest } from '../../src/pipeline/pipeline.js';
import { ExcerptKeeper } from '../../src/report/outputs/excerpt-keeper.js';
import { OutputSaver } from '../../src/report/outputs/output-saver.js';
import { problemWith, submissionOf } from '../graded.js';
import { outcomeOf, resultOf } from '../results.js';

const job: GradingJob = {
  problem: problemWith([
    ['1', 'expected\n'],
    ['2', 'expected\n'],
    ['3', 'expected\n'],
    ['4', 'expected\n'],
  ]),
  submissions: ['../a.py', '.._a.py'].map((label) => submissionOf(label)),
  ignored: [],
};

function judged(
  submission: number,
  test: number,
  verdict: TestOutcome['verdict'],
  result: Partial<RunResult> = {},
  more: Partial<TestOutcome> = {},
): JudgedTest {
  const of = job.submissions[submission];
  const found = job.problem.allTests[test];
  if (of === undefined || found === undefined) throw new Error('no such test');
  const outcome = outcomeOf(found.name, verdict, more);
  return { submission: of, test: found, outcome, result: resultOf('ok', { stdout: 'got\n', ...result }) };
}

describe('saved outputs', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'outputs-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it('lie in a folder for each submission, whatever it is called', async () => {
    const saver = new OutputSaver(folder, [job], false);
    await saver.save(judged(0, 0, 'WA', { stderr: 'oh' }, { judgeMessage: 'no\n' }));
    await saver.save(judged(1, 1, 'WA'));
    await saver.save(judged(1, 2, 'AC'));
    const files = (await readdir(folder, { recursive: true })).filter((file) => file.includes('.', 10));
    expect(files.sort()).toEqual([
      'Sums/__a.py-2/secret-1.expected',
      'Sums/__a.py-2/secret-1.out',
      'Sums/__a.py-2/secret-1.txt',
      'Sums/__a.py/secret-0.err',
      'Sums/__a.py/secret-0.expected',
      'Sums/__a.py/secret-0.out',
      'Sums/__a.py/secret-0.txt',
    ]);
    const read = (name: string) => readFile(join(folder, 'Sums/__a.py', name), 'utf8');
    expect([await read('secret-0.out'), await read('secret-0.err')]).toEqual(['got\n', 'oh']);
    expect(await read('secret-0.txt')).toBe('secret/0: WA\nwhy\n\njudgemessage.txt:\nno\n');
    expect(saver.notes()[0]).toBe('saved the outputs of 2 tests');
  });

  it('are of passed tests too where all are asked for', async () => {
    const saver = new OutputSaver(folder, [job], true);
    await saver.save(judged(0, 0, 'AC'));
    expect(saver.notes()[0]).toBe('saved the outputs of 1 test');
  });

  it('are bounded, and say so', async () => {
    const saver = new OutputSaver(folder, [job], false);
    await saver.save(judged(0, 0, 'OLE', { stdout: 'x'.repeat(5 * 2 ** 20) }));
    const read = (name: string) => readFile(join(folder, 'Sums/__a.py', name), 'utf8');
    expect(await read('secret-0.out')).toHaveLength(4 * 2 ** 20);
    expect(await read('secret-0.txt')).toContain('.out has the first 4194304 bytes, which is not all');
    expect(saver.notes()).toContain('1 file is not whole; the .txt beside each says so');
  });

  it('have what a program and its validator said', async () => {
    const saver = new OutputSaver(folder, [job], false);
    const conversation: TestOutcome['conversation'] = [
      { from: 'program', data: '? 5\n' },
      { from: 'interactor', data: 'lower\n' },
    ];
    await saver.save(judged(0, 0, 'WA', {}, { conversation }));
    const about = await readFile(join(folder, 'Sums/__a.py/secret-0.txt'), 'utf8');
    expect(about).toContain('\n\nconversation:\nprogram: ? 5\njudge: lower\n');
  });
});

describe('kept excerpts', () => {
  it('are of failed tests, and of secret ones only where that is asked for', async () => {
    for (const showsSecret of [false, true]) {
      const keeper = new ExcerptKeeper(showsSecret);
      const wrong = judged(0, 0, 'WA');
      await keeper.keep(wrong);
      await keeper.keep(judged(0, 1, 'AC'));
      expect(keeper.of(wrong.submission, 'secret/0') !== null).toBe(showsSecret);
      expect(keeper.of(wrong.submission, 'secret/1')).toBeNull();
    }
  });

  it('have no outputs of a program that talked with a validator, whose conversation is shown', async () => {
    const keeper = new ExcerptKeeper(true);
    const talked = judged(0, 0, 'WA', { stderr: 'oh' }, { conversation: [] });
    await keeper.keep(talked);
    const excerpt = keeper.of(talked.submission, 'secret/0');
    expect(excerpt).toMatchObject({ expectedBytes: 0, gotBytes: 0, stderr: 'oh' });
  });

  it('are three of a submission at most', async () => {
    const keeper = new ExcerptKeeper(true);
    for (const test of [0, 1, 2, 3]) await keeper.keep(judged(0, test, 'WA'));
    const [submission] = job.submissions;
    if (submission === undefined) throw new Error('no submission');
    const kept = [0, 1, 2, 3].map((test) => keeper.of(submission, `secret/${test}`) !== null);
    expect(kept).toEqual([true, true, true, false]);
  });
});
