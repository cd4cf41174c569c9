import { describe, expect, it } from 'vitest';
import { mismatchOf, settles } from '../../src/judge/expected.js';
import { Judging } from '../../src/judge/judging.js';
import type { Verdict } from '../../src/judge/verdict.js';
import { loadProblem } from '../../src/package/problem.js';
import { matchesGlob } from '../../src/submissions/glob.js';
import type { ExpectedOutcome } from '../../src/submissions/submission.js';
import { scratchFolder, testFiles } from '../put.js';
import { outcomeOf } from '../results.js';

const { path, put } = scratchFolder();

/** What a package expects of one of its submissions. */
async function expectationIn(files: Record<string, string>, label: string): Promise<ExpectedOutcome | null> {
  await put({
    'problem.yaml': 'name: x',
    ...testFiles('sample/1'),
    ...testFiles('secret/1'),
    ...testFiles('secret/2'),
    ...files,
  });
  const { examples } = await loadProblem(path());
  const found = examples.find((one) => one.label === label);
  if (found === undefined) throw new Error(`no ${label}`);
  return found.expectation;
}

/** What is wrong when the tests of the scratch package end so; stops where judging stops. */
async function mismatch(
  expectation: ExpectedOutcome,
  verdicts: readonly Verdict[],
  all = false,
): Promise<string | null> {
  const problem = await loadProblem(path());
  const submission = { label: 'a', path: 'a', program: { entry: 'a', files: [] }, fault: null, expectation };
  const judging = new Judging(problem, submission, all);
  for (let [test] = judging.next(1); test !== undefined; [test] = judging.next(1)) {
    const { name } = test;
    const at = problem.allTests.findIndex((one) => one.name === name);
    judging.record(test, outcomeOf(name, verdicts[at] ?? 'AC'));
  }
  return mismatchOf(expectation, judging.outcome(), problem.best.problem);
}

describe('what a package expects of its submissions', () => {
  it.each<[string, Verdict[], boolean]>([
    ['accepted', ['AC', 'AC', 'AC'], true],
    ['accepted', ['AC', 'WA', 'AC'], false],
    ['wrong_answer', ['AC', 'WA', 'AC'], true],
    ['wrong_answer', ['AC', 'AC', 'AC'], false],
    ['wrong_answer', ['AC', 'RTE', 'WA'], false],
    ['time_limit_exceeded', ['AC', 'WA', 'TLE'], true],
    ['time_limit_exceeded', ['AC', 'WA', 'AC'], false],
    ['run_time_error', ['AC', 'MLE', 'AC'], true],
    ['run_time_error', ['CE', 'AC', 'AC'], true],
    ['rejected', ['AC', 'AC', 'OLE'], true],
    ['brute_force', ['AC', 'WA', 'TLE'], false],
    ['accepted', ['JE', 'AC', 'AC'], false],
  ])('by the folder %s, of %j: %s', async (folder, verdicts, isMet) => {
    const expectation = await expectationIn({ [`submissions/${folder}/a.py`]: '' }, `${folder}/a.py`);
    if (expectation === null) throw new Error('nothing is expected');
    expect(expectation.text).toBe(folder);
    expect((await mismatch(expectation, verdicts)) === null).toBe(isMet);
  });

  it('by a tag, which goes before the folder', async () => {
    const tag = '# @EXPECTED_RESULTS@: WRONG-ANSWER, TIMELIMIT\n';
    const expectation = await expectationIn({ 'submissions/mixed/a.py': tag }, 'mixed/a.py');
    expect(expectation).toMatchObject({ text: 'WA or TLE' });
    const score = await expectationIn(
      { 'submissions/partial/a.py': '# @EXPECTED_SCORE@: 30' },
      'partial/a.py',
    );
    expect(score).toMatchObject({ score: [30, 30] });
  });

  it('by no folder of an unknown name', async () => {
    expect(await expectationIn({ 'submissions/drafts/a.py': '' }, 'drafts/a.py')).toBeNull();
  });

  it('by submissions.yaml: patterns, groups of tests, defaults that it replaces', async () => {
    const files = {
      'submissions/submissions.yaml': [
        'accepted: {permitted: [WA], required: [WA]}',
        'mine/{a,b}.py: {permitted: [AC, WA]}',
        'mine/a.py:',
        '  secret/{1,3}: {required: [WA]}',
        '  sample: {permitted: [AC]}',
        'mine/folder: {language: python3, entrypoint: solve.py}',
      ].join('\n'),
      'submissions/accepted/x.py': '',
      'submissions/mine/a.py': '',
      'submissions/mine/folder/solve.py': '',
      'submissions/mine/folder/other.py': '',
    };
    const replaced = await expectationIn(files, 'accepted/x.py');
    expect([...(replaced?.rules[0]?.permitted ?? [])]).toEqual(['WA']);
    const mine = await expectationIn(files, 'mine/a.py');
    if (mine === null) throw new Error('nothing is expected');
    expect(await mismatch(mine, ['AC', 'WA', 'AC'])).toBeNull();
    expect(await mismatch(mine, ['AC', 'AC', 'WA'])).toMatch(/no test has the verdict WA in secret/);
    expect(await mismatch(mine, ['WA', 'WA', 'AC'])).toMatch(/^sample\/1: WA, which is not permitted/);
    expect(await mismatch(mine, ['AC', 'TLE', 'AC'])).toMatch(/^secret\/1: TLE/);
    const { examples } = await loadProblem(path());
    expect(examples.find(({ label }) => label === 'mine/folder')?.program?.entry).toBe('solve.py');
  });

  it.each([['an unknown verdict', 'accepted: {permitted: [OK]}', /submissions\.yaml: accepted\.permitted/]])(
    'with %s is refused by name',
    async (_name, yaml, message) => {
      const files = { 'submissions/submissions.yaml': yaml, 'submissions/accepted/a.py': '' };
      await expect(expectationIn(files, 'accepted/a.py')).rejects.toThrow(message);
    },
  );

  it('of partially accepted submissions is some points and not all', async () => {
    const files = {
      'problem.yaml': 'type: scoring',
      'data/testdata.yaml': 'on_reject: continue\ngrader_flags: always_accept\nrange: 0 3',
      'submissions/partially_accepted/a.py': '',
    };
    const expectation = await expectationIn(files, 'partially_accepted/a.py');
    if (expectation === null) throw new Error('nothing is expected');
    expect(await mismatch(expectation, ['AC', 'WA', 'AC'])).toBeNull();
    expect(await mismatch(expectation, ['AC', 'AC', 'AC'])).toMatch(/all of the 3 points/);
  });
});

it('a failure settles what is expected when the rest cannot change it', async () => {
  const slow = await expectationIn(
    { 'submissions/time_limit_exceeded/a.py': '' },
    'time_limit_exceeded/a.py',
  );
  expect(settles(slow, outcomeOf('t', 'WA'))).toBe(false);
  expect(settles(slow, outcomeOf('t', 'TLE'))).toBe(true);
  expect(settles(slow, outcomeOf('t', 'RTE'))).toBe(true);
  expect(settles(slow, outcomeOf('t', 'JE'))).toBe(true);
  expect(settles(null, outcomeOf('t', 'WA'))).toBe(true);
});

it.each([
  ['accepted', 'accepted/a.py', true],
  ['accepted/*', 'accepted/a.py', true],
  ['accepted/*.py', 'accepted/a/b.py', false],
  ['accepted/*', 'accepted/a/b.py', true],
  ['*/a.py', 'x/a.py', true],
  ['*/a.py', 'x/y/a.py', false],
  ['a.py', 'accepted/a.py', false],
  ['{accepted,rejected}/a.{py,cc}', 'rejected/a.py', true],
  ['secret/*{1,3}', 'secret/13', true],
  ['a.p*', 'axpy', false],
  ['[ab].py', 'a.py', false],
])('the pattern %s and %s: %s', (pattern, name, matches) => {
  expect(matchesGlob(pattern, name)).toBe(matches);
});

it('a pattern of too many alternatives is refused, and none is left out', () => {
  const bomb = '{a,b}'.repeat(12);
  expect(() => matchesGlob(bomb, 'x')).toThrow(/more than 1000 alternatives/);
  expect(matchesGlob('{a,b}'.repeat(9), 'b'.repeat(9))).toBe(true);
});
