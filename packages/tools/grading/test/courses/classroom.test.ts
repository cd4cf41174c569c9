import { expect, it } from 'vitest';
import { loadProblem } from '../../src/package/problem.js';
import { scratchFolder } from '../put.js';
import { resultOf } from '../results.js';

const { path, put } = scratchFolder();
const FILE = '.github/classroom/autograding.json';

const test = (more: object): object => ({ name: 'a', run: 'python3 main.py', output: 'x', ...more });
const load = async (tests: readonly object[]) => {
  await put({ [FILE]: JSON.stringify({ tests }) });
  return loadProblem(path());
};

/** Verdict and points of an output. */
async function judged(more: object, stdout: string): Promise<unknown> {
  const problem = await load([test({ points: 4, ...more })]);
  const { verdict, score } = (await problem.allTests[0]?.course?.judge(resultOf('ok', { stdout }))) ?? {};
  return [verdict, score];
}

it('a test is a command with points, input and limits', async () => {
  await put({ 'course.yaml': 'name: Names\nlimits: {memory: 64}' });
  const problem = await load([
    test({ name: 'first', points: 3, timeout: 2, input: 'Ada\n' }),
    test({ name: 'second', run: 'python3 -u ./src/hello.py --name \'Ada L\' "x y"z', points: 1 }),
  ]);
  expect(problem).toMatchObject({
    name: 'Names',
    version: 'classroom',
    isScoring: true,
    best: { problem: 4 },
  });
  expect(problem.handIn).toEqual({ kind: 'modules', files: ['main.py', 'src/hello.py'] });
  expect(
    problem.allTests.map(({ name, args, course }) => [name, args, course?.entry, course?.limits.cpuMs]),
  ).toEqual([
    ['first', [], 'main.py', 120_000],
    ['second', ['--name', 'Ada L', 'x yz'], 'src/hello.py', 60_000],
  ]);
  expect((await problem.allTests[0]?.input.read())?.toString()).toBe('Ada\n');
});

it('course.yaml shortens the minutes of a test', async () => {
  await put({ 'course.yaml': 'limits: {time_limit: 3}' });
  const problem = await load([test({ timeout: 10 })]);
  expect(problem.allTests[0]?.course?.limits).toMatchObject({ cpuMs: 3000, wallMs: 11_000 });
});

it('compares as Classroom does', async () => {
  expect(await judged({ comparison: 'included' }, 'say x!\n')).toEqual(['AC', 4]);
  expect(await judged({}, 'y')).toEqual(['WA', 0]);
  expect(await judged({ comparison: 'exact' }, ' x\r\n\n')).toEqual(['AC', 4]);
  expect(await judged({ comparison: 'exact', output: 'a\r\nb' }, 'a\nb\n')).toEqual(['AC', 4]);
  expect(await judged({ comparison: 'exact' }, 'X')).toEqual(['WA', 0]);
  expect(await judged({ comparison: 'regex', output: '^x+$' }, 'xxx\n')).toEqual(['AC', 4]);
  expect(await judged({ comparison: 'regex', output: '^x+$' }, 'xxy')).toEqual(['WA', 0]);
  expect(await judged({ input: '', output: '' }, 'anything')).toEqual(['AC', 4]);
});

it('a pattern that never ends is a failure of the judge, and the next test goes on', async () => {
  expect(await judged({ comparison: 'regex', output: '^(x+x+)+y$' }, 'x'.repeat(60))).toEqual([
    'JE',
    undefined,
  ]);
  expect(await judged({ comparison: 'regex', output: 'x' }, 'x')).toEqual(['AC', 4]);
}, 30_000);

it.each([
  [
    'another command',
    { run: 'gcc main.c && ./a.out' },
    /tests\.0: run: "gcc main\.c && \.\/a\.out" is not done here/,
  ],
  ['a shell', { run: 'python3 main.py | sort' }, /run: .* is not done here/],
  ['pytest', { run: 'pytest' }, /run: "pytest" is not done here/],
  ['a module', { run: 'python3 -m http.server' }, /run: .* is not done here/],
  ['a file outside', { run: 'python3 ../main.py' }, /run: .* is not done here/],
  ['a variable', { run: 'python3 main.py $HOME' }, /run: .* is not done here/],
  ['a setup', { setup: 'pip install x' }, /tests\.0: setup: "pip install x" is not done here/],
  [
    'a comparison that is none',
    { comparison: 'fuzzy' },
    /tests\.0\.comparison: must be one of included, exact, regex/,
  ],
  ['an unknown field', { shell: 1 }, /tests\.0\.shell: unknown field/],
  [
    'a pattern that is none',
    { comparison: 'regex', output: '(' },
    /tests\.0: output: Invalid regular expression/,
  ],
  ['a timeout that is no number', { timeout: '10' }, /tests\.0\.timeout: must be a number of minutes/],
])('%s is refused by name', async (_, more, message) => {
  await expect(load([test(more)])).rejects.toThrow(message);
});

it('a file that is no list of tests is refused', async () => {
  await put({ [FILE]: '[' });
  await expect(loadProblem(path())).rejects.toThrow(/autograding\.json: is not JSON/);
  await put({ [FILE]: '[]' });
  await expect(loadProblem(path())).rejects.toThrow(/must be an object with tests/);
  await put({ [FILE]: '{"tests": []}' });
  await expect(loadProblem(path())).rejects.toThrow(/tests: has no test/);
  await expect(load([test({}), test({})])).rejects.toThrow(/tests\.1: name: "a" is given twice/);
});
