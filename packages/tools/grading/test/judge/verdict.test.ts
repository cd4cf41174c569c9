import { RUN_STATUSES, type RunResult, type RunStatus, STACK_OVERFLOW_MESSAGE } from '@sandpiper/contracts';
import { describe, expect, it } from 'vitest';
import { gradeRun, needsJudgement, outputOf, type Verdict } from '../../src/judge/verdict.js';
import { resultOf } from '../results.js';

const RIGHT = { verdict: 'AC', reason: null } as const;
const grade = (status: RunStatus, more: Partial<RunResult> = {}) => {
  const result = resultOf(status, more);
  return gradeRun(result, 'secret/1', needsJudgement(result) ? RIGHT : null, new Set(['main.py', 'util.py']));
};
const failing = (stderr: string) => grade('runtime-error', { stderr, exitCode: 1 });

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
    expect(endingIn('TLE')).toEqual(['time-limit', 'wall-limit', 'deadlock']);
    expect(grade('time-limit').reason).toBe('CPU time: more than 10 s');
    expect(grade('wall-limit').reason).toBe('elapsed time: more than 30 s, with 0.01 s of CPU time');
    expect(endingIn('MLE')).toEqual(['memory-limit']);
    expect(endingIn('OLE')).toEqual(['output-limit']);
  });

  it('blames the judge only where the program was not given its chance', () => {
    expect(endingIn('JE').sort()).toEqual(['cancelled', 'internal-error']);
  });

  it('is RTE for every other end, with a reason', () => {
    const others = RUN_STATUSES.filter(
      (status) => !/^(ok|cancelled|deadlock|internal-error|(time|wall|memory|output)-limit)$/.test(status),
    );
    expect(endingIn('RTE')).toEqual(others);
    for (const status of RUN_STATUSES) if (status !== 'ok') expect(grade(status).reason).not.toBeNull();
  });

  it('is what the judgement of the output says, with its reason and score', () => {
    const result = resultOf('ok');
    const judged = (judgement: Parameters<typeof gradeRun>[2]) => gradeRun(result, 't', judgement, new Set());
    expect(judged({ verdict: 'WA', reason: 'no' })).toMatchObject({ verdict: 'WA', reason: 'no' });
    expect(judged({ verdict: 'AC', reason: null, score: 5 })).toMatchObject({ verdict: 'AC', score: 5 });
  });

  it('never judges truncated output', () => {
    expect(outputOf(resultOf('ok', { stdoutTruncated: true }))).toBeNull();
    expect(outputOf(resultOf('ok', { stdout: undefined, stdoutBase64: '/w==' }))).toEqual(
      Buffer.from([0xff]),
    );
  });

  it('is CE for a file of the program that is no Python', () => {
    expect(failing('  File "/box/main.py", line 1\n    print(1\nSyntaxError: never closed\n').verdict).toBe(
      'CE',
    );
    expect(
      failing(
        'Traceback (most recent call last):\n  File "main.py", line 1, in <module>\n  File "util.py", line 2\n    x\nIndentationError: unexpected indent\n',
      ).verdict,
    ).toBe('CE');
    expect(failing("SyntaxError: Non-UTF-8 code starting with '\\xe9'\n").verdict).toBe('CE');
    // What a program evaluates is no part of it.
    expect(
      failing('Traceback:\n  File "main.py", line 1\n  File "<string>", line 1\nSyntaxError: bad\n').verdict,
    ).toBe('RTE');
    expect(failing('  File "main.py", line 1\nValueError: bad\n').verdict).toBe('RTE');
    expect(grade('runtime-error', { stderr: 'SyntaxError: x', exitCode: 3 }).verdict).toBe('RTE');
  });

  it('describes a crash by the last line of its traceback, else by signal or exit code', () => {
    const traceback =
      'Traceback (most recent call last):\n  File "main.py", line 1\nIndexError: list index out of range\n';
    expect(failing(traceback).reason).toBe('IndexError: list index out of range');
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
    expect(grade('ok', { refused })).toMatchObject({ verdict: 'AC', reason: null });
  });
});
