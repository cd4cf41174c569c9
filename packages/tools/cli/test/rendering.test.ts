import { PassThrough } from 'node:stream';
import type { RunResult, RunState } from '@sandpiper/contracts';
import { DEFAULT_LIMITS, REFUSED_MEMORY_MESSAGE, STACK_OVERFLOW_MESSAGE } from '@sandpiper/contracts';
import { describe, expect, it } from 'vitest';
import { renderHostReport as renderDoctor } from '../src/doctor.js';
import { welcome } from '../src/embedded/command.js';
import { escapeForTerminal } from '../src/terminal/escape.js';
import { endingLine, exitCodeOf } from '../src/exit-codes.js';
import { outputLine } from '../src/map/outputs.js';
import { MapProgress } from '../src/map/progress.js';

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
