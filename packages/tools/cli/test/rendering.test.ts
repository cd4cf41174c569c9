import { PassThrough } from 'node:stream';
import type { RunResult, RunState } from '@sandpiper/contracts';
import { DEFAULT_LIMITS, REFUSED_MEMORY_MESSAGE, STACK_OVERFLOW_MESSAGE } from '@sandpiper/contracts';
import { buildReport, csvOf, junitOf, type SubmissionOutcome, type TestOutcome } from '@sandpiper/grading';
import { describe, expect, it } from 'vitest';
import { renderHostReport as renderDoctor } from '../src/doctor.js';
import { welcome } from '../src/embedded/command.js';
import { escapeForTerminal } from '../src/terminal/escape.js';
import { endingLine, exitCodeOf } from '../src/exit-codes.js';
import { renderGradingReport } from '../src/grade/render.js';
import { outputLine } from '../src/map/outputs.js';
import { MapProgress } from '../src/map/progress.js';
import { problemWith, submissionOf } from '../../grading/test/graded.js';

describe('guest text on a terminal', () => {
  it('has no control characters', () => {
    expect(escapeForTerminal('a\u001b[31mb\n\r\t\u0007\u009b\u202ec')).toBe(
      'a\\x1b[31mb\\n\\r\\t\\x07\\x9b\\u202ec',
    );
    expect(escapeForTerminal('naïve 日本 🐦')).toBe('naïve 日本 🐦');
    expect(escapeForTerminal('x'.repeat(100), 10)).toBe('xxxxxxx...');
  });
});

describe('the exit code', () => {
  const code = (status: RunResult['status'], exitCode: number | null = null, signal: string | null = null) =>
    exitCodeOf({ status, exitCode, signal });

  it('is that of the program, 128 plus the signal, or that of the kind of limit', () => {
    expect(code('ok', 0)).toBe(0);
    expect(code('runtime-error', 17)).toBe(17);
    expect(code('runtime-error', null, 'SIGKILL')).toBe(137);
    expect(code('runtime-error', null, 'SIGABRT')).toBe(134);
    expect([code('time-limit'), code('wall-limit'), code('memory-limit'), code('cancelled')]).toEqual([
      124, 124, 137, 130,
    ]);
    expect([
      code('output-limit'),
      code('disk-limit'),
      code('syscall-limit'),
      code('violation'),
      code('internal-error'),
    ]).toEqual([125, 125, 125, 125, 125]);
  });

  it('comes with a line that names the limit', () => {
    const line = (status: RunResult['status'], message: string | null = null) =>
      endingLine({ status, message, limits: DEFAULT_LIMITS });
    expect(line('ok')).toBeNull();
    expect(line('time-limit')).toBe('time-limit: the program used more than 10000 ms of CPU time');
    expect(line('memory-limit')).toBe('memory-limit: the program used more than 256 MiB of memory');
    expect(line('memory-limit', REFUSED_MEMORY_MESSAGE)).toBe(`memory-limit: ${REFUSED_MEMORY_MESSAGE}`);
    expect(line('runtime-error', 'died of SIGSEGV')).toBeNull();
    expect(line('runtime-error', STACK_OVERFLOW_MESSAGE)).toBe(
      'runtime-error: stack overflow: the program has 256 MiB of stack',
    );
    expect(line('violation', 'bad\u001b[0m')).toBe('violation: bad\\x1b[0m');
  });
});

describe('the table', () => {
  const outcome = (test: string, more: Partial<TestOutcome> = {}): TestOutcome => ({
    test,
    verdict: 'AC',
    status: 'ok',
    reason: null,
    exitCode: 0,
    signal: null,
    cpuMs: 12.4,
    wallMs: 20,
    peakMemoryBytes: 3 * 2 ** 20,
    ...more,
  });
  const problem = problemWith([]);
  const summary = (tests: TestOutcome[], more: Partial<SubmissionOutcome> = {}): SubmissionOutcome => {
    const failure = tests.find((one) => one.verdict !== 'AC') ?? null;
    return {
      verdict: failure?.verdict ?? 'AC',
      passed: tests.filter((one) => one.verdict === 'AC').length,
      total: tests.length,
      slowestCpuMs: Math.max(0, ...tests.map((one) => one.cpuMs)),
      peakMemoryBytes: 3 * 2 ** 20,
      firstFailure: failure,
      fault: null,
      score: null,
      maxScore: null,
      groups: [],
      tests,
      ...more,
    };
  };
  const rowOf = (label: string, outcome: SubmissionOutcome) => ({ submission: submissionOf(label), outcome });
  const gradedAs = (rows: ReturnType<typeof rowOf>[], isScoring = false) => [
    { problem: { ...problem, isScoring }, timeLimitNote: null, submissions: rows },
  ];
  const graded = gradedAs([
    rowOf('good.py', summary([outcome('sample/1')])),
    rowOf(
      'bad\u001b.py',
      summary([
        outcome('sample/1'),
        outcome('secret/03', {
          verdict: 'RTE',
          status: 'runtime-error',
          reason: 'Evil: \u001b]0;x\u0007',
          cpuMs: 99.6,
        }),
      ]),
    ),
  ]);

  it('has a line per submission, and escapes', () => {
    const text = renderGradingReport(buildReport(graded, () => null));
    expect(text).not.toContain('\u001b');
    expect(text).toContain('Sums');
    expect(text).toMatch(/good\.py +│ AC +│ +1\/1 │ +12 ms │ +3\.0 MiB │/);
    expect(text).toMatch(
      /bad\\x1b\.py +│ RTE +│ +1\/2 │ +100 ms │ +3\.0 MiB │ secret\/03: Evil: \\x1b\]0;x\\x07/,
    );
    expect(text).not.toContain('expected');
  });

  it('names the runs whose verdict the load of the host may have decided, in 80 columns', () => {
    const unreliable = 'it waited 7199.9 s of 7200 s for a CPU';
    const tests = Array.from({ length: 7 }, (_, n) =>
      outcome(`secret/long-name-${n}`, { verdict: 'TLE', status: 'wall-limit', unreliable }),
    );
    const only = gradedAs([rowOf('a-very-long-name\u001b.py', summary(tests))]);
    const lines = renderGradingReport(buildReport(only, () => null))
      .split('\n')
      .slice(-7, -1);
    expect(lines[0]).toBe(`a-very-long-n... secret/l...: unreliable: ${unreliable}`);
    expect(lines.at(-1)).toBe('... and 2 more unreliable; --json names them all');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(renderGradingReport(buildReport(graded, () => null))).not.toContain('unreliable');
  });

  it('compares with the expected verdicts', () => {
    const text = renderGradingReport(buildReport(graded, () => 'AC'));
    expect(text).toContain('AC (!)');
    expect(text).toContain('1 of 2 verdicts are as expected.');
  });

  it('has the reason of what cannot run, and where the time limit comes from', () => {
    const [one] = gradedAs([rowOf('bob', summary([], { verdict: 'CE', fault: 'is empty\u0007' }))]);
    const text = renderGradingReport(
      buildReport(one === undefined ? [] : [{ ...one, timeLimitNote: 'time limit 1 s' }], () => null),
    );
    expect(text).toMatch(/bob +│ CE +│.* is empty\\x07/);
    expect(text).toContain('\ntime limit 1 s\n');
  });

  it('is a grade sheet too, whose cells are no formulas', () => {
    const rows = [
      rowOf(
        '=cmd()',
        summary([outcome('t', { verdict: 'WA', reason: 'got "a",\n"b"' })], { score: 1.5, maxScore: 3 }),
      ),
      rowOf('bob', summary([], { verdict: 'CE', fault: 'is empty' })),
    ];
    expect(csvOf(buildReport(gradedAs(rows, true), () => null)).split('\r\n')).toEqual([
      'problem,submission,verdict,points,most,passed,tests,expected,reason',
      `Sums,'=cmd(),WA,1.5,3,0,1,,"t: got ""a"",\n""b"""`,
      'Sums,bob,CE,,,0,0,,is empty',
      '',
    ]);
  });

  it('is JUnit XML too, whatever students write', () => {
    const rows = [
      rowOf('a<b>', summary([outcome('s/1'), outcome('s/2', { verdict: 'WA', reason: '"]]>\u0000&' })])),
      rowOf('bob', summary([], { verdict: 'CE', fault: 'is empty' })),
    ];
    const text = junitOf(buildReport(gradedAs(rows), () => null));
    expect(text).toContain('<testsuite name="Sums: a&lt;b&gt;" tests="2" failures="1" errors="0">');
    expect(text).toContain('<failure type="WA" message="&quot;]]&gt;\uFFFD&amp;"/>');
    expect(text).toContain('name="submission"><error message="is empty"/>');
  });

  it('has points, and those of groups below', () => {
    const groups = [
      { group: 'data/secret', verdict: 'WA', score: 40, maxScore: 100 },
      { group: 'data/secret/small', verdict: 'AC', score: 40, maxScore: 40 },
      { group: 'data/secret/large', verdict: null, score: 0, maxScore: 60 },
    ] as const;
    const rows = [rowOf('a.py', summary([outcome('t')], { score: 40, maxScore: 100, groups }))];
    const text = renderGradingReport(buildReport(gradedAs(rows, true), () => null));
    expect(text).toMatch(/a\.py +│ AC +│ +40\/100 │/);
    expect(text).toMatch(/submission +│ small +│ large/);
    expect(text).toMatch(/a\.py +│ 40\/40 +│ +- │/);
  });
});

describe('the outputs of map', () => {
  const counts = { syscalls: 0, bytesRead: 0, bytesWritten: 0, peakMemoryBytes: 0 };
  const usage = { ...counts, cpuMs: 200, startupCpuMs: 0, controllerCpuMs: 0, wallMs: 2000, waitMs: 1800 };
  const base: RunResult = {
    ...{ id: 'r', status: 'wall-limit', exitCode: null, signal: null, message: 'why', usage },
    ...{ stdout: '', stderr: '', stdoutTruncated: false, stderrTruncated: false, deniedCalls: {} },
    limits: DEFAULT_LIMITS,
    enforcement: { cpu: 'keeper-clock', wall: 'keeper-clock', memory: 'keeper-watch' },
    ...{ engine: 'seccomp', attempt: 1, node: null, cell: null },
    ...{ startedAt: '2026-01-01T00:00:00Z', finishedAt: '2026-01-01T00:00:01Z' },
  };
  const state = (result: RunResult): RunState => ({ id: 'r', state: 'done', result });

  it('say which runs waited for a CPU until their wall limit', () => {
    const unreliable = 'it waited 1.8 s of 2 s for a CPU';
    const waited = state({ ...base, usage, unreliable, retries: 1 });
    expect(JSON.parse(outputLine(0, waited, false))).toMatchObject({ unreliable, retries: 1 });
    const progress = new MapProgress(2, 0, new PassThrough());
    progress.ended(waited);
    progress.ended(state({ ...base, usage: { ...usage, waitMs: 0 } }));
    expect(progress.summary()).toMatch(/: 2 wall-limit \(1 unreliable: waited for a CPU\)$/);
  });

  it('have the combined output where there is one', () => {
    const line = outputLine(0, state({ ...base, stdout: '', combined: 'both' }), false);
    expect(JSON.parse(line)).toMatchObject({ stdout: '', combined: 'both' });
  });
});

describe('other output', () => {
  it('of doctor names missing requirements and their fixes', () => {
    const text = renderDoctor({
      checks: [
        { name: 'pypy3', ok: true, required: true, detail: '7.3.11', fix: null },
        {
          name: 'redis-server',
          ok: false,
          required: true,
          detail: 'not found',
          fix: 'apt-get install redis-server',
        },
        { name: 'cgroup v2', ok: false, required: false, detail: 'not mounted', fix: null },
      ],
    });
    expect(text).toContain('MISSING  redis-server  not found');
    expect(text).toContain('fix: apt-get install redis-server');
    expect(text).toContain('absent   cgroup v2');
    expect(text).toContain('1 requirement is missing.');
  });

  it('of up shows how to use the service', () => {
    expect(welcome('http://127.0.0.1:1')).toContain("curl -s 'http://127.0.0.1:1/v1/runs'");
  });
});
