import { symlink } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { loadProblem } from '../../src/package/problem.js';
import { testsOf } from '../../src/data/test-case.js';
import { scratchFolder } from '../put.js';
import { resultOf } from '../results.js';
import { zipOf as zipOfEntries } from '../zip.js';

const { path, put } = scratchFolder();
const zipOf = (files: Readonly<Record<string, string>>): Buffer =>
  zipOfEntries(Object.entries(files).map(([name, bytes]) => ({ name, bytes })));
const CASES = { '1.in': '1\r\n2', '1.out': '3', '2.in': 'x', '2.out': 'y' };

const load = async (yaml: string, files: Readonly<Record<string, string | Uint8Array>> = CASES) => {
  await put({ ...files, 'init.yml': yaml });
  return loadProblem(path());
};

it('cases and batches have the points of DMOJ', async () => {
  const problem = await load(`
test_cases:
- {in: 1.in, out: 1.out, points: 5}
- points: 20
  batched:
  - {in: 1.in, out: 1.out}
  - {in: 2.in, out: 2.out}
- points: 75
  dependencies: [1]
  batched:
  - {in: 2.in, out: 2.out}
`);
  expect(problem).toMatchObject({ version: 'dmoj', isScoring: true, best: { problem: 100 }, ignored: [] });
  expect(testsOf(problem.tests).map(({ name, course }) => [name, course?.points])).toEqual([
    ['1', 5],
    ['batch-1/1', 20],
    ['batch-1/2', 20],
    ['batch-2/1', 75],
  ]);
  expect(problem.tests.items[2]).toMatchObject({
    name: 'data/secret/batch-2',
    rules: { aggregation: 'min', requires: ['data/secret/batch-1'] },
  });
});

it('what a case does not say, the batch and the file around it say', async () => {
  const problem = await load(
    'points: 7\nchecker: easy\ntest_cases:\n- {out: 1.out}\n- {out: 2.out, batched: [{}, {out: 1.out}]}',
  );
  const answers = await Promise.all(
    problem.allTests.map(async ({ answer }) => (await answer.read()).toString()),
  );
  expect(answers).toEqual(['3\n', 'y\n', '3\n']);
  expect(problem.allTests.map(({ input, course }) => [input.bytes, course?.points])).toEqual([
    [0, 7],
    [0, 7],
    [0, 7],
  ]);
});

it('line ends become those of Unix, unless the data is binary', async () => {
  const yaml = (binary: string): string => `test_cases: [{in: 1.in, out: 1.out${binary}}]`;
  const input = async (text: string) => (await (await load(text)).allTests[0]?.input.read())?.toString();
  expect(await input(yaml(''))).toBe('1\n2\n');
  expect(await input(yaml(', binary_data: true'))).toBe('1\r\n2');
});

it('an archive holds the files, by their names where none is listed', async () => {
  const archive = zipOf({
    'x.1.in': 'a',
    'x.1.out': 'a',
    'x.2-1.in': 'b',
    'x.2-1.out': 'b',
    'x.2-2.in': 'c',
    'x.2-2.out': 'c',
  });
  const problem = await load('archive: data.zip', { 'data.zip': archive });
  expect(problem.allTests.map(({ name }) => name)).toEqual(['1', 'batch-1/1', 'batch-1/2']);
  const inputs = await Promise.all(
    problem.allTests.map(async ({ input }) => (await input.read()).toString()),
  );
  expect(inputs).toEqual(['a\n', 'b\n', 'c\n']);
});

it('formats name cases and batches, and case_points their points', async () => {
  const names = ['1', 'dummy.1', 'dummy.2'].flatMap((name) => [`${name}.in`, `${name}.out`]);
  const archive = zipOf(Object.fromEntries(names.map((name) => [name, 'x'])));
  const problem = await load(
    String.raw`
archive: cases.zip
test_cases:
  input_format: ((?P<batch>\w+)\.)?(?P<case>\d+)\.in
  output_format: ((?P<batch>\w+)\.)?(?P<case>\d+)\.out
  case_points: [2, 3]
`,
    { 'cases.zip': archive },
  );
  expect(problem.allTests.map(({ name, course }) => [name, course?.points])).toEqual([
    ['batch-1/1', 2],
    ['batch-1/2', 2],
    ['1', 3],
  ]);
});

it('linecount gives points for what a program printed before it failed', async () => {
  const problem = await load('checker: linecount\ntest_cases: [{out: lines.out, points: 10}]', {
    'lines.out': 'a\nb\n',
  });
  const course = problem.allTests[0]?.course;
  expect(await course?.judge(resultOf('ok', { stdout: 'a\nx\n' }))).toMatchObject({
    verdict: 'WA',
    score: 5,
  });
  expect(await course?.pointsOfFailed?.(resultOf('time-limit', { stdout: 'a\n' }))).toBe(5);
});

it.each([
  ['a judge of its own', 'custom_judge: a.py\ntest_cases: []', /init\.yml: custom_judge: is not done here/],
  ['an interactive problem', 'interactive: {files: a.cpp}\ntest_cases: []', /interactive: is not done here/],
  ['a generator', 'generator: a.py\ntest_cases: []', /generator: is not done here/],
  [
    'arguments of a generator',
    'test_cases: [{generator_args: [1]}]',
    /test_cases\.0\.generator_args: is not done here/,
  ],
  ['Python in the settings', 'test_cases++: "node = []"', /test_cases\+\+: is Python that makes settings/],
  [
    'a checker of the problem',
    'checker: check.py\ntest_cases: [{in: 1.in, out: 1.out}]',
    /checkers that are programs are not run here/,
  ],
  [
    'a bridged checker',
    'checker: {name: bridged, args: {files: a.cpp}}\ntest_cases: [{}]',
    /"bridged": checkers that are programs/,
  ],
  ['an unknown checker', 'checker: constructor\ntest_cases: [{}]', /"constructor": is not a checker of DMOJ/],
  [
    'arguments that a checker has not',
    'checker: {name: floats, args: {eps: 1}}\ntest_cases: [{}]',
    /checker: floats: args: eps: unknown field/,
  ],
  ['an unknown key', 'test_cases: [{inn: 1.in}]', /test_cases\.0: inn: unknown field/],
  ['points that are no number', 'test_cases: [{points: many}]', /test_cases\.0: points: must be a number/],
  ['a file that is not there', 'test_cases: [{in: 9.in}]', /9\.in: no such file/],
  ['a file outside', 'test_cases: [{in: ../../../../etc/passwd}]', /leads out of/],
  [
    'a batch that depends on itself',
    'test_cases: [{dependencies: [1], batched: [{}]}]',
    /batch 1 depends on 1/,
  ],
  ['no case', 'test_cases: []', /test_cases: has no case/],
  ['no list and no archive', 'points: 3', /must list the cases, since there is no archive/],
  ['an archive that is not there', 'archive: x.zip', /x\.zip: no such file/],
  ['text', 'hello', /must be a mapping of settings/],
  [
    'aliases of aliases',
    `a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]`,
    /alias/,
  ],
])('%s is refused by name', async (_, yaml, message) => {
  await expect(load(yaml)).rejects.toThrow(message);
});

it('a link out of the problem is refused', async () => {
  await put({ 'init.yml': 'test_cases: [{in: link.in}]' });
  await symlink('/etc/hostname', path('link.in'));
  await expect(loadProblem(path())).rejects.toThrow(/link\.in: leads out of/);
});

it('a format that never ends is refused', async () => {
  const archive = zipOf({ [`${'x'.repeat(60)}!`]: '' });
  const yaml = 'archive: a.zip\ntest_cases: {input_format: "(x+x+)+y(?P<case>1)"}';
  await expect(load(yaml, { 'a.zip': archive })).rejects.toThrow(/input_format: the pattern took more than/);
}, 30_000);
