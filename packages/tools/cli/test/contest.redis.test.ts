import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { GradingReport } from '@sandpiper/grading';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contest-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

interface Graded {
  readonly report: GradingReport;
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function grade(path: string, ...options: string[]): Promise<Graded> {
  const json = join(folder, 'report.json');
  const run = promisify(execFile)('./sandpiper', ['grade', path, '--json', json, ...options], {
    cwd: ROOT,
    timeout: 280_000,
  });
  const end = await run.then(
    (printed) => ({ code: 0, ...printed }),
    async (error: Omit<Graded, 'report'>) => {
      // Without a report it did not fail as it may here.
      await readFile(json).catch(() => Promise.reject(error as unknown as Error));
      return error;
    },
  );
  return { ...end, report: JSON.parse(await readFile(json, 'utf8')) as GradingReport };
}

/** Every kind of report at once. */
const reportOptions = (): string[] => [
  ...['--csv', '-', '--html', join(folder, 'page.html')],
  ...['--gradescope', join(folder, 'results'), '--save-outputs', join(folder, 'outputs')],
];

it('the example contest gets the verdicts and points that its packages expect, and all reports', async () => {
  const graded = await grade('examples/contest', '--compile', ...reportOptions());
  const { report, code } = graded;
  await assertReports(graded);
  const unexpected = report.problems.flatMap(({ submissions }) =>
    submissions.filter(({ expected, mismatch }) => expected === null || mismatch !== null),
  );
  expect(unexpected).toEqual([]);
  expect(report.problems.map(({ submissions }) => submissions.length)).toEqual([4, 5, 5, 5, 4, 4]);
  expect(
    report.problems.find(({ name }) => name === 'Pairs with a sum')?.submissions.at(-1)?.firstFailure,
  ).toMatchObject({
    judgeMessage: 'a number is not positive\n',
    teamMessage: 'Read the statement again.\n',
  });
  const talks = report.problems[1]?.submissions.map(({ label, firstFailure }) => [
    label,
    firstFailure?.reason ?? null,
    firstFailure?.conversation?.[0] ?? null,
  ]);
  const asked = { from: 'program', data: '500\n' };
  expect(talks).toEqual([
    ['accepted/halves.py', null, null],
    ['run_time_error/crashes.py', 'ValueError: not at once', asked],
    [
      'time_limit_exceeded/forgets_to_flush.py',
      'deadlock: the program and the validator both wait for input (a program must flush what it prints)',
      null,
    ],
    ['wrong_answer/counts.py', 'not found with 10 guesses', { from: 'program', data: '1\n' }],
    ['wrong_answer/gives_up.py', 'no guess 2', asked],
  ]);
  expect(code).toBe(0);
}, 300_000);

const VALIDATORS: Readonly<Record<string, string>> = {
  accepts: 'import sys; sys.exit(42)',
  'exits-0': 'pass',
  hangs: 'while True: pass',
  'kills-all': 'import os; os.kill(-1, 9)',
  'no-memory': 'x = []\nwhile True: x.append("x" * 10**7)',
  prints: 'print("x" * 2**20 * 1000)',
  reads: 'open("/etc/shadow").read()',
  forks: 'import os; os.fork()',
  'many-files':
    'import sys\nfor n in range(10**6):\n  with open(sys.argv[3] + str(n), "w"): pass\nsys.exit(42)',
};

it('a validator that fails, hangs or is hostile is a JE that says so, and hurts no other', async () => {
  for (const [name, source] of Object.entries(VALIDATORS)) {
    await put(
      `problems/${name}/problem.yaml`,
      'validation: custom\nlimits: {time_limit: 2, memory: 64, validation_time: 1, validation_memory: 64}',
    );
    await put(`problems/${name}/output_validators/v.py`, source);
    await put(`problems/${name}/data/secret/1.in`, '1');
    await put(`problems/${name}/data/secret/1.ans`, '1');
    await put(`problems/${name}/submissions/accepted/a.py`, 'print(1)');
  }
  const { report, code } = await grade(folder);
  const found = Object.fromEntries(
    report.problems.map(({ name, submissions: [one] }) => [
      name,
      `${one?.verdict ?? ''} ${one?.firstFailure?.reason ?? ''}`.trim(),
    ]),
  );
  expect(found).toEqual({
    accepts: 'AC',
    'exits-0': 'JE output_validators/v.py: exited with 0 instead of 42 or 43',
    hangs: expect.stringMatching(/^JE output_validators\/v\.py: (time|wall)-limit: /) as string,
    'kills-all': expect.stringMatching(
      /^JE output_validators\/v\.py: runtime-error: died of SIGKILL/,
    ) as string,
    'no-memory': expect.stringMatching(
      /^JE output_validators\/v\.py: (memory-limit|exited with 1 .*MemoryError)/,
    ) as string,
    prints: expect.stringMatching(
      /^JE output_validators\/v\.py: (output|memory)-limit: |^JE .*MemoryError/,
    ) as string,
    forks: expect.stringMatching(/^JE output_validators\/v\.py: exited with 1 .*Error/) as string,
    'many-files': expect.stringMatching(
      /^JE output_validators\/v\.py: (exited with 1 .*Error|(syscall|time|wall|disk)-limit)/,
    ) as string,
    reads: expect.stringMatching(
      /^JE output_validators\/v\.py: exited with 1 .*(FileNotFound|Permission)Error/,
    ) as string,
  });
  expect(code).toBe(1);
}, 300_000);

/** Only the teacher sees secret tests. */
async function assertReports({ report, stdout, stderr }: Graded): Promise<void> {
  const submissions = report.problems.flatMap((problem) => problem.submissions);
  expect(report.isComplete).toBe(true);
  expect(stdout.split('\r\n')).toHaveLength(submissions.length + 2);
  expect(stderr).toContain('verdicts are as expected.');

  const page = await readFile(join(folder, 'page.html'), 'utf8');
  for (const { name } of report.problems) expect(page).toContain(name);

  expect(await readdir(join(folder, 'results'))).toHaveLength(report.problems.length);
  const results = await readdir(join(folder, 'results'), { recursive: true });
  expect(results.filter((file) => file.endsWith('.json'))).toHaveLength(submissions.length);

  const failed = submissions.flatMap(({ tests }) => tests.filter(({ verdict }) => verdict !== 'AC'));
  const outputs = await readdir(join(folder, 'outputs'), { recursive: true });
  const saved = outputs.filter((file) => file.endsWith('.txt'));
  // Those too that ran beside a failure that decided.
  expect(saved.length).toBeGreaterThanOrEqual(failed.filter(({ cpuMs }) => cpuMs > 0).length);
  expect(stderr).toContain(`--save-outputs: saved the outputs of ${saved.length} test`);

  const secrets = failed.filter(({ test, reason }) => test.startsWith('secret/') && /"/.test(reason ?? ''));
  for (const { reason } of secrets) {
    for (const shown of [stdout, page]) expect(shown).not.toContain(reason);
  }
}

/** Each talks to a validator that prints a number and wants the next one. */
const TALKERS: Readonly<Record<string, readonly [source: string, verdict: string | RegExp]>> = {
  'answers-right': ['print(int(input()) + 1)', 'AC'],
  'answers-and-floods': ['print(int(input()) + 1)\nwhile True: print("x" * 1000)', /^(RTE|OLE|AC)$/],
  'bytes-of-all-kinds': ['import sys\nsys.stdout.buffer.write(bytes(range(256)))', 'WA'],
  'closes-both': ['import os, time\nos.close(0)\nos.close(1)\ntime.sleep(0.1)', 'WA'],
  floods: ['while True: print("x" * 1000, end="", flush=True)', /^(WA|OLE)$/],
  leaves: ['pass', 'WA'],
  'never-answers': ['import time\ntime.sleep(3600)', 'TLE'],
  'reads-for-ever': ['import sys\nsys.stdin.read()', 'TLE'],
  'reads-the-secret': ['print(open("answer").read())', 'RTE'],
  'stops-the-validator': ['import os\nos.kill(os.getppid(), 9)\nos.kill(-1, 9)', /^RTE$/],
};

it('a program that attacks its validator through the pipe is judged, and hurts no other', async () => {
  await put(
    'problem.yaml',
    'validation: custom interactive\nlimits: {time_limit: 1, memory: 64, validation_time: 1}',
  );
  await put(
    'output_validators/v.py',
    'import sys\nprint(1, flush=True)\nline = sys.stdin.buffer.readline(100)\nsys.exit(42 if line == b"2\\n" else 43)',
  );
  await put('data/secret/1.in', '1');
  await put('data/secret/1.ans', '2');
  for (const [name, [source]] of Object.entries(TALKERS))
    await put(`submissions/wrong_answer/${name}.py`, source);
  const { report } = await grade(folder);
  const [problem] = report.problems;
  const verdicts = problem?.submissions.map(({ label, verdict }) => [label, verdict]) ?? [];
  const wanted = Object.entries(TALKERS).map(([name, [, verdict]]) => [
    `wrong_answer/${name}.py`,
    typeof verdict === 'string' ? verdict : (expect.stringMatching(verdict) as string),
  ]);
  expect(Object.fromEntries(verdicts)).toEqual(Object.fromEntries(wanted));
}, 300_000);

async function put(name: string, content: string): Promise<void> {
  await mkdir(dirname(join(folder, name)), { recursive: true });
  await writeFile(join(folder, name), content);
}
