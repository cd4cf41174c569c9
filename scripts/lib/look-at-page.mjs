// look-at-page.mjs [FOLDER]: writes the page of grade --html for a made-up class of 500 into FOLDER (by default a new one
// below /tmp), and pictures of it in Debian's chromium: light, dark, narrow, and with a student opened. To be looked at
// after a change of the page; no test runs it. Needs `pnpm build` and the package chromium.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { htmlOf } from '../../packages/tools/grading/dist/index.js';
import { excerptOf } from '../../packages/tools/grading/dist/report/outputs/excerpt.js';

const STUDENTS = 500;
const TESTS = 20;
const NAMES = [
  'Ada',
  'Zo\u00eb',
  'Linus',
  'Grace',
  'M\u00e8i',
  'Omar',
  '\u65e5\u5411',
  'Ngozi',
  'S\u00f8ren',
];
const ENDINGS = [
  ['AC', 'ok', null],
  ['AC', 'ok', null],
  ['WA', 'ok', 'line 2: expected "500500", got "55"'],
  ['TLE', 'time-limit', 'CPU time: more than 1 s'],
  ['RTE', 'runtime-error', "ValueError: invalid literal for int() with base 10: 'x'"],
];

/** The same class every time. */
let seed = 7;
function random() {
  seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
  return seed / 2 ** 31;
}
const oneOf = (list) => list[Math.floor(random() * list.length)];

function testOf(n, [verdict, status, reason]) {
  const test = n < 2 ? `sample/${n + 1}` : `secret/group-${Math.floor(n / 7)}/${n}`;
  const cpuMs = verdict === 'TLE' ? 1001 : Math.exp(random() * 6);
  const figures = { cpuMs, wallMs: 2 * cpuMs, peakMemoryBytes: Math.round(random() * 5e7) };
  return { test, verdict, status, reason, exitCode: 0, signal: null, ...figures };
}

function submissionOf(name, isScoring) {
  const ending = oneOf(ENDINGS);
  const failing = ending[0] === 'AC' ? TESTS : Math.floor(random() * TESTS);
  const tests = Array.from({ length: Math.min(TESTS, failing + 1) }, (_, n) =>
    testOf(n, n === failing ? ending : ENDINGS[0]),
  );
  const score = isScoring ? Math.round((100 * failing) / TESTS) : null;
  const group = { group: 'data/secret/group-1', verdict: ending[0], score, maxScore: 100 };
  return {
    ...{
      label: `${name}.py`,
      path: name,
      verdict: ending[0],
      fault: null,
      expected: null,
      mismatch: null,
      key: null,
    },
    ...{
      passed: failing,
      total: TESTS,
      peakMemoryBytes: 1e6,
      tests,
      score,
      maxScore: isScoring ? 100 : null,
    },
    slowestCpuMs: Math.max(...tests.map(({ cpuMs }) => cpuMs)),
    firstFailure: tests.find(({ verdict }) => verdict !== 'AC') ?? null,
    groups: isScoring ? [group] : [],
    isCloseToLimit: ending[0] === 'AC' && random() < 0.05,
  };
}

const names = Array.from({ length: STUDENTS }, (_, n) => `${NAMES[n % NAMES.length]}-${n}`);
const report = {
  ...{ version: 1, isComplete: false },
  selection: { tests: [], submissions: [], cpuMs: null, memoryBytes: null },
  problems: ['Sum of a line', 'Tiers of points', 'A cipher that can be undone'].map((name, n) => ({
    ...{ name, path: name, formatVersion: 'legacy', timeLimitNote: null, ignored: [], contentHash: null },
    ...{ limits: { cpuMs: 1000, memoryBytes: 2 ** 26 }, isScoring: n === 1, maxScore: n === 1 ? 100 : null },
    submissions: names.filter(() => random() < 0.95).map((student) => submissionOf(student, n === 1)),
  })),
};
const excerpt = excerptOf(
  Buffer.from(`Case 1: 12\nCase 2: 55\n${'the same\n'.repeat(300)}`),
  Buffer.from(`Case 1: 12\nCase 2: 500500\n${'the same\n'.repeat(300)}`),
  Buffer.from('Traceback (most recent call last):\n  File "/box/main.py", line 3, in <module>\n'),
);
const passed = (problem, index, test) =>
  report.problems[problem].submissions[index].tests.some((one) => one.test === test && one.verdict === 'AC');

const folder = process.argv[2] ?? mkdtempSync(join(tmpdir(), 'page-'));
mkdirSync(folder, { recursive: true });
const page = join(folder, 'page.html');
writeFileSync(
  page,
  htmlOf(report, (...place) => (passed(...place) ? null : excerpt)),
);
console.log(`${page}: ${(statSync(page).size / 2 ** 20).toFixed(1)} MiB`);

const failed = report.problems[0].submissions.find(({ verdict }) => verdict === 'WA');
const student = `#${encodeURIComponent(failed.label.replace(/\.py$/, ''))}`;
for (const [name, size, scheme, link] of [
  ['light', '1280,1000', 1, ''],
  ['dark', '1280,1000', 0, ''],
  ['student-light', '1280,2600', 1, student],
  ['student-dark', '1280,2600', 0, student],
  ['student-narrow', '500,4200', 1, student],
]) {
  const picture = join(folder, `${name}.png`);
  const options = [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-background-networking',
    '--disable-sync',
  ];
  const own = [`--user-data-dir=${mkdtempSync(join(tmpdir(), 'chromium-'))}`, `--screenshot=${picture}`];
  const looks = [`--window-size=${size}`, `--blink-settings=preferredColorScheme=${scheme}`];
  const words = [...options, '--no-first-run', ...own, ...looks, `${pathToFileURL(page).href}${link}`];
  execFileSync('chromium', words, { stdio: 'ignore', timeout: 60_000 });
  console.log(picture);
}
