import { symlink } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { testsOf } from '../../src/data/test-case.js';
import { loadProblem } from '../../src/package/problem.js';
import { requestFor } from '../../src/pipeline/request.js';
import { loadSubmissions } from '../../src/submissions/load.js';
import { scratchFolder } from '../put.js';
import { resultOf } from '../results.js';

const { path, put } = scratchFolder();
const SUM = `import unittest
class SumTest(unittest.TestCase):
    @weight(3)
    @hide_errors("No.")
    def test_a(self): pass
    @partial_credit(4)
    def test_b(self, set_score=None): pass
`;

interface Order {
  token: string;
  module: string;
  path: string[];
  known: string[];
  modules: string[];
}

async function ordersOf(): Promise<Order[]> {
  const { allTests } = await loadProblem(path('p'));
  const inputs = await Promise.all(allTests.map(({ input }) => input.read()));
  return inputs.map((bytes) => JSON.parse(bytes.toString()) as Order);
}

it('a folder of tests needs nothing else: each test is a row with points', async () => {
  await put({ 'p/tests/test_sum.py': SUM, 'p/tests/data.txt': 'x', 'p/include/python3/given.py': '' });
  const problem = await loadProblem(path('p'));
  expect(problem).toMatchObject({
    name: 'p',
    version: 'unit-tests',
    isScoring: true,
    best: { problem: 7 },
    limits: { cpuMs: 10_000 },
    handIn: { kind: 'modules', files: [] },
  });
  expect(problem.included.map(({ name }) => name)).toEqual(['given.py']);
  expect(testsOf(problem.tests).map(({ name, course }) => [name, course?.points])).toEqual([
    ['test_sum.SumTest.test_a', 3],
    ['test_sum.SumTest.test_b', 4],
  ]);
  expect(problem.allTests[0]?.files.map(({ name }) => name)).toContain('/judge/tests/data.txt');
});

it('a module of tests is in a package where each folder has an __init__.py', async () => {
  await put({ 'p/tests/unit/test_a.py': SUM, 'p/tests/unit/__init__.py': '' });
  expect((await ordersOf())[0]).toMatchObject({
    module: 'test_a',
    path: ['/judge/tests/unit', '/judge/tests', '/judge', '/judge/helpers'],
  });
  await put({ 'p/tests/__init__.py': '' });
  expect((await ordersOf())[0]).toMatchObject({
    module: 'tests.unit.test_a',
    known: ['SumTest.test_a', 'SumTest.test_b'],
  });
});

it('only a report with the token of the test counts', async () => {
  await put({ 'p/tests/test_sum.py': SUM });
  const { allTests } = await loadProblem(path('p'));
  const tokens = (await ordersOf()).map(({ token }) => token);
  const judged = async (stdout: string, n = 0) => allTests[n]?.course?.judge(resultOf('ok', { stdout }));
  const token = (JSON.parse((await allTests[0]?.input.read())?.toString() ?? '') as Order).token;
  expect(new Set([token, ...tokens]).size).toBe(3);
  const passed = { verdict: 'AC', reason: null, score: 3 };
  const ended = { verdict: 'RTE', reason: 'the program ended before the test did', score: 0 };
  expect(await judged(`${token} {"outcome":"passed"}\n`)).toEqual(passed);
  for (const text of [
    '',
    '{"outcome":"passed"}\n',
    `${tokens[1] ?? ''} {"outcome":"passed"}\n`,
    `${token} {"outcome":"passed"}\nmore\n`,
    `${token} {"outcome":"won"}\n`,
    `x${token} {"outcome":"passed"}\n`,
    `${token} [`,
  ]) {
    expect(await judged(text)).toEqual(ended);
  }
});

it('outcomes of a test become verdicts, with a part of the points where the test says so', async () => {
  await put({ 'p/tests/test_sum.py': SUM });
  const { allTests } = await loadProblem(path('p'));
  const judged = async (n: number, report: object) => {
    const test = allTests[n];
    const { token } = JSON.parse((await test?.input.read())?.toString() ?? '') as Order;
    return test?.course?.judge(resultOf('ok', { stdout: `${token} ${JSON.stringify(report)}\n` }));
  };
  expect(await judged(0, { outcome: 'failed', reason: '1 != 2' })).toEqual({
    verdict: 'WA',
    reason: 'No.',
    score: 0,
  });
  expect(await judged(1, { outcome: 'error', reason: 'E: x' })).toEqual({
    verdict: 'RTE',
    reason: 'E: x',
    score: 0,
  });
  expect(await judged(1, { outcome: 'passed', score: 1.5 })).toEqual({
    verdict: 'WA',
    reason: '1.5 of 4 points',
    score: 1.5,
  });
  expect(await judged(1, { outcome: 'passed', score: 4 })).toEqual({ verdict: 'AC', reason: null, score: 4 });
  expect(await judged(1, { outcome: 'passed', score: 5 })).toMatchObject({ verdict: 'JE' });
  expect(await judged(1, { outcome: 'skipped', reason: 'why' })).toMatchObject({
    verdict: 'WA',
    reason: 'skipped: why',
  });
  expect(await judged(1, { outcome: 'broken', reason: 'why' })).toMatchObject({
    verdict: 'JE',
    reason: `${path('p/tests/test_sum.py')}: SumTest.test_b: why`,
  });
});

it('a file that is handed in alone has the name that the course wants', async () => {
  await put({
    'p/tests/test_sum.py': SUM,
    'p/course.yaml': 'files: [sums.py]',
    's/alice.py': 'a = 1',
    's/bob/sums.py': '',
    's/bob/other.py': '',
    's/carol/deep/sums.py': '',
  });
  const { handIn } = await loadProblem(path('p'));
  const { submissions } = await loadSubmissions([path('s')], handIn);
  expect(submissions.map(({ program, fault }) => [fault, program?.files.map(({ name }) => name)])).toEqual([
    [null, ['sums.py']],
    [null, ['other.py', 'sums.py']],
    [null, ['sums.py']],
  ]);
  expect((await ordersOf())[0]?.modules).toEqual(['sums']);
});

it('a student cannot replace the driver, nor stop the class with a file where a folder must be', async () => {
  await put({ 'p/tests/test_sum.py': SUM });
  const problem = await loadProblem(path('p'));
  const [test] = problem.allTests;
  if (test === undefined) throw new Error('no test');
  const program = {
    entry: 'a.py',
    files: ['a.py', 'sandpiper_unit_test.py'].map((name) => ({ name, bytes: Buffer.from('mine') })),
  };
  const request = await requestFor(problem, program, test, { retryUnreliable: 0 });
  expect(request.entry).toBe('sandpiper_unit_test.py');
  expect(request.files?.filter(({ content }) => content === 'mine').map(({ name }) => name)).toEqual([
    'a.py',
  ]);
});

it.each([
  ['no test in a file of tests', { 'p/tests/test_a.py': 'x = 1' }, /contains no test/],
  ['a course without tests', { 'p/course.yaml': 'name: x' }, /has a course\.yaml and no tests/],
  [
    'an unknown setting',
    { 'p/course.yaml': 'tests: x', 'p/tests/test_a.py': SUM },
    /course\.yaml: tests: unknown field/,
  ],
  [
    'a limit without a meaning',
    { 'p/course.yaml': 'limits: {validation_time: 1}', 'p/tests/test_a.py': SUM },
    /limits\.validation_time: has no meaning for a course/,
  ],
  [
    'files of a wrong type',
    { 'p/course.yaml': 'files: sums.py', 'p/tests/test_a.py': SUM },
    /files: must be a list of file names/,
  ],
  [
    'a file outside',
    { 'p/course.yaml': 'files: [../a.py]', 'p/tests/test_a.py': SUM },
    /files\.0: must be a relative path/,
  ],
  [
    'tests that are too large',
    { 'p/tests/test_a.py': SUM, 'p/tests/data': 'x'.repeat(9 << 20) },
    /tests\/data: is too large/,
  ],
  [
    'a folder of nothing',
    { 'p/README.md': '' },
    /problem\.yaml: no such file; a problem folder must have one, or tests/,
  ],
] as const)('%s is refused', async (_, files, message) => {
  await put(files);
  await expect(loadProblem(path('p'))).rejects.toThrow(message);
});

it('a link out of the tests is refused', async () => {
  await put({ 'p/tests/test_a.py': SUM });
  await symlink('/etc/hostname', path('p/tests/data'));
  await expect(loadProblem(path('p'))).rejects.toThrow(/leads out of/);
});
