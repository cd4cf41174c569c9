import {
  DEFAULT_LIMITS,
  RUN_STATUSES,
  type RunResult,
  type RunStatus,
  STACK_OVERFLOW_MESSAGE,
} from '@sandpiper/contracts';
import { describe, expect, it } from 'vitest';
import { DEFAULT_CHECKER } from '../src/checker.js';
import { naturalCompare } from '../src/natural-sort.js';
import { gradeRun, gradeSubmission, type TestCase, type Verdict } from '../src/verdict.js';

const test: TestCase = { name: 'secret/1', input: Buffer.from(''), answer: Buffer.from('42\n') };

function resultOf(status: RunStatus, more: Partial<RunResult> = {}): RunResult {
  return {
    id: 'r1',
    status,
    exitCode: status === 'ok' ? 0 : null,
    signal: null,
    stdout: '42\n',
    stderr: '',
    stdoutTruncated: false,
    stderrTruncated: false,
    message: status === 'ok' ? null : 'why',
    deniedCalls: {},
    usage: {
      cpuMs: 10,
      startupCpuMs: 0,
      controllerCpuMs: 0,
      wallMs: 20,
      peakMemoryBytes: 1000,
      syscalls: 1,
      bytesRead: 0,
      bytesWritten: 3,
    },
    limits: DEFAULT_LIMITS,
    enforcement: { cpu: 'keeper-clock', wall: 'keeper-clock', memory: 'keeper-watch' },
    engine: 'seccomp',
    attempt: 1,
    node: null,
    cell: null,
    startedAt: '2026-01-01T00:00:00Z',
    finishedAt: '2026-01-01T00:00:01Z',
    ...more,
  };
}

const grade = (status: RunStatus, more?: Partial<RunResult>) =>
  gradeRun(resultOf(status, more), test, DEFAULT_CHECKER);

describe('the verdict of a run', () => {
  const endingIn = (verdict: Verdict): RunStatus[] =>
    RUN_STATUSES.filter((status) => grade(status).verdict === verdict);

  it('is AC only for a run that ended by itself with exit code 0, whatever another one printed', () => {
    expect(endingIn('AC')).toEqual(['ok']);
    expect(grade('ok').reason).toBeNull();
  });

  it('may be wrong where the run waited for a CPU until its wall limit', () => {
    const { usage } = resultOf('wall-limit');
    const waiting = { usage: { ...usage, cpuMs: 200, wallMs: 2000, waitMs: 1800 } };
    expect(grade('wall-limit', waiting).unreliable).toBe('it waited 1.8 s of 2 s for a CPU');
    expect(grade('ok', waiting).unreliable).toBeUndefined();
  });

  it('names the limit of time, memory or output that was reached', () => {
    expect(endingIn('TLE')).toEqual(['time-limit', 'wall-limit']);
    expect(endingIn('MLE')).toEqual(['memory-limit']);
    expect(endingIn('OLE')).toEqual(['output-limit']);
  });

  it('blames the judge only where the program was not given its chance', () => {
    expect(endingIn('JE').sort()).toEqual(['cancelled', 'internal-error']);
  });

  it('is RTE for every other end, with a reason', () => {
    const others = RUN_STATUSES.filter(
      (status) => !/^(ok|cancelled|internal-error|(time|wall|memory|output)-limit)$/.test(status),
    );
    expect(endingIn('RTE')).toEqual(others);
    for (const status of RUN_STATUSES) if (status !== 'ok') expect(grade(status).reason).not.toBeNull();
  });

  it('is WA with a reason when the output differs, in text and in base64', () => {
    expect(grade('ok', { stdout: '41' })).toMatchObject({
      verdict: 'WA',
      reason: 'line 1: expected "42", got "41"',
    });
    expect(grade('ok', { stdout: undefined, stdoutBase64: '/w==' }).verdict).toBe('WA');
    expect(grade('ok', { stdout: undefined, stdoutBase64: 'NDI=' }).verdict).toBe('AC');
  });

  it('never accepts truncated output', () => {
    expect(grade('ok', { stdoutTruncated: true }).verdict).toBe('WA');
  });

  it('describes a crash by the last line of its traceback, else by signal or exit code', () => {
    const traceback =
      'Traceback (most recent call last):\n  File "main.py", line 1\nIndexError: list index out of range\n';
    expect(grade('runtime-error', { stderr: traceback }).reason).toBe('IndexError: list index out of range');
    expect(grade('runtime-error', { signal: 'SIGSEGV' }).reason).toBe('died of SIGSEGV');
    const overflow = { signal: 'SIGSEGV', message: STACK_OVERFLOW_MESSAGE, stderr: 'at 3\n' };
    expect(grade('runtime-error', overflow).reason).toBe('stack overflow');
    expect(grade('runtime-error', { exitCode: 3 }).reason).toBe('exit code 3');
  });

  it('says in its reason what the sandbox refused, and nothing of it where the answer is right', () => {
    const refused = ['threads' as const];
    const stderr = "RuntimeError: can't start new thread\n";
    expect(grade('runtime-error', { stderr, refused }).reason).toBe(
      "RuntimeError: can't start new thread (the program tried to start a thread, which the sandbox refuses)",
    );
    expect(grade('ok', { stdout: '41', refused }).reason).toMatch(/^line 1: .* \(the program tried/);
    expect(grade('ok', { refused })).toMatchObject({ verdict: 'AC', reason: null });
  });
});

describe('the verdict of a submission', () => {
  it('is that of the first failing test in order', () => {
    const outcome = gradeSubmission([
      grade('ok'),
      { ...grade('time-limit'), cpuMs: 900, test: 'secret/2' },
      { ...grade('runtime-error'), peakMemoryBytes: 5000, test: 'secret/3' },
      grade('ok'),
    ]);
    expect(outcome).toMatchObject({
      verdict: 'TLE',
      passed: 2,
      total: 4,
      slowestCpuMs: 900,
      peakMemoryBytes: 5000,
    });
    expect(outcome.firstFailure?.test).toBe('secret/2');
  });

  it('is AC when all pass', () => {
    expect(gradeSubmission([grade('ok'), grade('ok')])).toMatchObject({
      verdict: 'AC',
      passed: 2,
      firstFailure: null,
    });
  });
});

describe('the order of tests', () => {
  it('is natural, and total', () => {
    expect(['10', '9', '1a', '01', '1'].sort(naturalCompare)).toEqual(['01', '1', '1a', '9', '10']);
    expect(naturalCompare('a', 'a')).toBe(0);
  });
});
