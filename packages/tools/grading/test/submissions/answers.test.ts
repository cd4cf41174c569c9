import { describe, expect, it } from 'vitest';
import { gradeAll } from '../../src/pipeline/pipeline.js';
import { answerTo } from '../../src/submissions/answers.js';
import type { HandIn } from '../../src/submissions/hand-in.js';
import { loadSubmissions } from '../../src/submissions/load.js';
import { problemWith } from '../graded.js';
import { EchoService } from '../pipeline/echo-service.js';
import { scratchFolder } from '../put.js';
import { zipOf } from '../zip.js';

const { path, put } = scratchFolder();
const TESTS = ['sample/1', 'secret/a/01', 'secret/b/01', 'secret/b/v1.5'];
const handIn: HandIn = { kind: 'answers', tests: TESTS };
const load = async (...names: string[]) =>
  (
    await loadSubmissions(
      names.map((name) => path(name)),
      handIn,
    )
  ).submissions;

/** What each test is answered with; null: nothing. */
async function answers(name: string): Promise<(string | null)[]> {
  const [one] = await load(name);
  const { program } = one ?? {};
  if (program === undefined || program === null) throw new Error(one?.fault ?? 'no submission');
  return TESTS.map((test) => answerTo(program, test).files[1]?.bytes.toString() ?? null);
}

describe('answers', () => {
  it.each([
    ['by their names in the data', ['data/sample/1.ans', 'secret/a/01.out', 'b/01', 'v1.5.txt']],
    ['in one folder at the top', ['mine/1', 'mine/a/01', 'mine/b/01.ans', 'mine/b/v1.5.ans']],
    ['beside other files', ['1.ans', 'readme.md', 'a/01.ans', 'b/01.ans', 'b/v1.5', 'solve.py']],
  ])('belong to tests: %s', async (_how, names) => {
    await put(Object.fromEntries(names.map((name) => [`s/${name}`, name])));
    const given = names.filter((name) => !/readme|solve/.test(name));
    expect(await answers('s')).toEqual(given);
  });

  it('may be an archive, one file, or some of them', async () => {
    await put({ 's.zip': zipOf([{ name: 'secret/a/01.ans', bytes: 'x' }]), '1.ans': 'y' });
    expect(await answers('s.zip')).toEqual([null, 'x', null, null]);
    expect(await answers('1.ans')).toEqual(['y', null, null, null]);
  });

  it('of a class are a folder or an archive for each student', async () => {
    await put({
      'class/ada/secret/a/01.ans': '1',
      'class/bob/1.ans': '1',
      'class/cid/notes.txt': '1',
      'class/dan/b/01.ans': '1',
      'class/dan/b/01.out': '2',
      'class/readme.txt': '',
    });
    expect((await load('class')).map(({ label, fault }) => [label, fault])).toEqual([
      ['ada', null],
      ['bob', null],
      ['cid', 'no file is named after a test, such as sample/1.ans'],
      ['dan', 'b/01.ans and b/01.out both answer the test secret/b/01'],
    ]);
  });

  it('that are missing are wrong, and nothing runs for them', async () => {
    await put({ 's/0.ans': 'a', 's/1.ans': 'b' });
    const problem = {
      ...problemWith([
        ['', 'a'],
        ['', 'b'],
        ['', 'c'],
      ]),
      handIn: { kind: 'answers', tests: ['secret/0', 'secret/1', 'secret/2'] },
    } as const;
    const service = new EchoService();
    const [graded] = await gradeAll(
      service,
      [{ problem, ...(await loadSubmissions([path('s')], problem.handIn)) }],
      {
        retryUnreliable: 0,
        runsAll: true,
        onProgress: () => undefined,
        signal: new AbortController().signal,
      },
    );
    expect(graded?.submissions[0]?.outcome.tests.at(-1)).toMatchObject({
      verdict: 'WA',
      reason: 'the submission has no answer to this test',
    });
    const runs = [...service.batches.values()].flat();
    expect(runs.map(({ files }) => files?.at(-1))).toEqual([
      { name: 'answer', content: 'a' },
      { name: 'answer', content: 'b' },
    ]);
  });
});
