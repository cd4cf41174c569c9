import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { GradingReport } from '@sandpiper/grading';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'course-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function grade(path: string): Promise<GradingReport> {
  const json = join(folder, 'report.json');
  const run = promisify(execFile)('./sandpiper', ['grade', path, '--json', json], {
    cwd: ROOT,
    timeout: 280_000,
  });
  // A report of wrong programs is one too; without it the command failed.
  await run.catch((error: Error) => readFile(json).catch(() => Promise.reject(error)));
  return JSON.parse(await readFile(json, 'utf8')) as GradingReport;
}

it('the example course gets its expected verdicts, and points for each test', async () => {
  const { problems } = await grade('examples/course');
  const mismatches = problems.flatMap(({ submissions }) =>
    submissions.filter(({ expected, mismatch }) => expected === null || mismatch !== null),
  );
  expect(mismatches).toEqual([]);
  const points = problems.map(({ name, submissions }) => [name, submissions.map(({ score }) => score)]);
  expect(points).toEqual([
    ['A greeting', [6, 3, 1, 0]],
    ['The mean of a list', [null, null, null, null]],
    ['Ratios', [10, 6, 8, 0]],
    ['Tickets', [100, 30, 30, 0]],
  ]);
  const hanging = problems[2]?.submissions.find(({ label }) => label === 'carol');
  expect(hanging?.tests.map(({ verdict }) => verdict)).toEqual(['AC', 'AC', 'TLE', 'AC', 'AC']);
}, 300_000);

const TESTS = `import unittest
import double

class DoubleTest(unittest.TestCase):
    def test_double(self):
        self.assertEqual(double.double(2), 4)

def test_function():
    assert double.double(3) == 6
`;

/** Each would pass with a grader that believes what it hears. What they get: the reason of the first test. */
const STUDENTS: Readonly<Record<string, readonly [source: string, verdict: string, reason: RegExp]>> = {
  honest: ['def double(x): return 2 * x', 'AC', /^$/],
  wrong: ['def double(x): return x', 'WA', /^AssertionError: 2 != 4$/],
  broken: ['def double(x) return x', 'RTE', /^SyntaxError: .*\(double\.py, line 1\)$/],
  crashes: ['def double(x): return x / 0', 'RTE', /^ZeroDivisionError: division by zero$/],
  'exits-hard': ['import os\nos._exit(0)', 'RTE', /^the program ended before the test did$/],
  'exits-soft': ['import sys\nsys.exit(0)', 'RTE', /^SystemExit: 0$/],
  'exits-later': ['import os\ndef double(x): os._exit(0)', 'RTE', /^the program ended before the test did$/],
  interrupts: ['def double(x): raise KeyboardInterrupt', 'RTE', /^KeyboardInterrupt$/],
  skips: ['import unittest\ndef double(x): raise unittest.SkipTest("easy")', 'WA', /^skipped: easy$/],
  'patches-unittest': [
    'import unittest\nunittest.TestCase.assertEqual = lambda *a: None\ndef double(x): return 0',
    'RTE',
    /^the program changes unittest\.TestCase\.assertEqual$/,
  ],
  'patches-later': [
    'import unittest\ndef double(x):\n  unittest.TestCase.assertEqual = lambda *a: None',
    'RTE',
    /^the program changes unittest\.TestCase\.assertEqual$/,
  ],
  'patches-builtins': [
    'import builtins\nbuiltins.AssertionError = SystemError\ndef double(x): return 0',
    'RTE',
    /^the program changes builtins\.AssertionError$/,
  ],
  'writes-everywhere': [
    `import os
for fd in range(64):
    try: os.write(fd, b'x {"outcome": "passed"}\\n')
    except OSError: pass
def double(x): return 0`,
    'RTE',
    /^the program ended before the test did$/,
  ],
};

it('a program of a student cannot simply claim that it passes', async () => {
  await put('problems/double/tests/test_double.py', TESTS);
  await put('problems/double/course.yaml', 'files: [double.py]\nlimits: {time_limit: 5, memory: 128}');
  for (const [name, [source]] of Object.entries(STUDENTS))
    await put(`students/${name}/double/double.py`, source);
  // Modules of the library, the driver and the tests are not the student's.
  const cheats = ['unittest.py', 'sandpiper_unit_test.py', 'json.py', 'tests/test_double.py'];
  await put('students/hides-modules/double/double.py', 'def double(x): return 0');
  for (const name of cheats) await put(`students/hides-modules/double/${name}`, 'import os\nos._exit(0)');
  const [problem] = (await grade(folder)).problems;
  const found = problem?.submissions.map(({ label, verdict, firstFailure, score }) => [
    label,
    [verdict, firstFailure?.reason ?? '', score],
  ]);
  const expected = Object.entries(STUDENTS).map(([name, [, verdict, reason]]) => [
    name,
    [verdict, expect.stringMatching(reason), verdict === 'AC' ? 2 : 0],
  ]);
  expect(Object.fromEntries(found ?? [])).toEqual({
    ...Object.fromEntries(expected),
    'hides-modules': ['WA', 'AssertionError: 0 != 4', 0],
  });
}, 300_000);

it('faults of the tests are failures of the judge that name the place', async () => {
  const faults: Readonly<Record<string, string>> = {
    'makes-tests': `import unittest
class T(unittest.TestCase):
    def test_a(self): pass
for name in ['test_b']: setattr(T, name, lambda self: None)`,
    'needs-pytest': 'import pytest\ndef test_a(): pass',
    'no-python': 'import unittest\nclass T(unittest.TestCase):\n    def test_a(self): x = = 1',
    'too-many-points': `import unittest
from gradescope_utils.autograder_utils.decorators import partial_credit
class T(unittest.TestCase):
    @partial_credit(2)
    def test_a(self, set_score=None): set_score(3)`,
  };
  for (const [name, source] of Object.entries(faults)) {
    await put(`problems/${name}/tests/test_x.py`, source);
    await put(`students/ann/${name}/x.py`, '');
    // A student's own pytest would say what the student likes.
    await put(`students/ann/${name}/pytest.py`, 'def main(*args, **more): return 0');
  }
  const { problems } = await grade(folder);
  const found = problems.map(({ name, submissions: [one] }) => [
    name,
    [one?.verdict, one?.firstFailure?.reason?.replace(/^.*test_x\.py: /, '')],
  ]);
  expect(Object.fromEntries(found)).toEqual({
    'makes-tests': ['JE', 'T.test_a: T.test_b is made when the tests run, and must be written in the file'],
    'needs-pytest': ['JE', 'test_a: it needs pytest, which the interpreter of the sandbox does not have'],
    'no-python': ['JE', expect.stringMatching(/^T\.test_a: SyntaxError: .*test_x\.py, line 3\)$/) as string],
    'too-many-points': ['JE', 'T.test_a: sets a score of 3, of 2 points'],
  });
}, 300_000);

async function put(name: string, content: string): Promise<void> {
  await mkdir(dirname(join(folder, name)), { recursive: true });
  await writeFile(join(folder, name), content);
}
