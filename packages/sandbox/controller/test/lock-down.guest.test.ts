import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type RunResult, textOf } from '@sandpiper/contracts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Bench } from './translated.js';

/** Real interpreters under strace, which shows what reaches the kernel and what is trapped instead. */

const PROGRAM = `
import os, sys, sqlite3, hashlib, decimal, ctypes, json, re, datetime, threading, subprocess, socket, tempfile
def tried(f):
    try: f()
    except BaseException as e: print(type(e).__name__)
tried(os.fork)
tried(threading.Thread(target=print).start)
tried(lambda: subprocess.run(["true"]))
tried(socket.socket)
tried(lambda: open("/etc/shadow"))
tried(lambda: tempfile.TemporaryFile().write(b"x"))
# those that end or block it, and those that would unmap what it stands on; and uretprobe and uprobe, of which the kernel
# asks no filter (docs/filter.md)
NOT_TRIED = {0, 1, 9, 10, 11, 12, 15, 23, 25, 34, 35, 60, 130, 202, 230, 231, 270, 271, 335, 336}
c = ctypes.CDLL(None)
for number in range(1024):
    if number not in NOT_TRIED: c.syscall(number, 0, 0, 0, 0, 0, 0)
    # numbers of which only the lower half is one, and negative ones
    if number not in NOT_TRIED: c.syscall(ctypes.c_long(number | 1 << 32), 0, 0, 0, 0, 0, 0)
    c.syscall(-number, 0, 0, 0, 0, 0, 0) if number > 0 else None
# descriptors of which only the lower half is one
for fd in (8188, 8189, 8190, 8191, 0, 1, 2):
    c.syscall(0, ctypes.c_long(fd | 1 << 32), 0, 0)
    c.syscall(1, ctypes.c_long(fd | 1 << 32), 0, 0)
x = [bytearray(1 << 20) for _ in range(20)]
print("end")
`;

/** The calls that the filter allows, with their arguments: docs/filter.md, repeated by hand. */
const ALLOWED: RegExp[] = [
  /^read\(8190,/,
  /^write\((8189|8191),/,
  /^(rt_sigreturn|restart_syscall|exit|exit_group)\(/,
  /^futex\(.*FUTEX_(WAIT|WAKE)/,
  /^mmap\([^,]+, \d+, PROT_\S+, MAP_PRIVATE\|(MAP_FIXED\|)?MAP_ANONYMOUS[^,]*, /,
  /^(munmap|mremap|brk)\(/,
  /^mprotect\([^,]+, \d+, PROT_/,
  /^madvise\(.*MADV_/,
  /^clock_gettime\(CLOCK_(PROCESS|THREAD)_CPUTIME_ID,/,
];

/** Further calls of the parent of the fork server. */
const OF_A_PARENT: RegExp[] = [
  /^clone\(child_stack=NULL, flags=CLONE_PARENT\|SIGCHLD\) += \d+/,
  /^recvmsg\(8188,/,
  /^sendto\(8188, ".*", 8, MSG_NOSIGNAL, NULL, 0\)/,
  /^close\(\d+\)/,
];

/** Calls of a child until its own filter is on. */
const OF_A_NEW_CHILD: RegExp[] = [
  /^prctl\(PR_SET_PDEATHSIG, SIGKILL/,
  /^getppid\(\)/,
  /^dup3\(\d+, 81(89|90|91), 0\)/,
  /^close\(\d+\)/,
  /^setrlimit\(RLIMIT_NOFILE, \{rlim_cur=0, rlim_max=0\}\)/,
  /^prctl\(PR_SET_NO_NEW_PRIVS, 1/,
  /^prctl\(PR_SET_SECCOMP,/,
];

const OF_A_TRANSLATED_ONE: RegExp[] = [
  /^read\(0,/,
  /^write\([12],/,
  /^(rt_sigreturn|restart_syscall|exit|exit_group|getpid|gettid|munmap|mremap|brk)\(/,
  /^(futex|mprotect|madvise)\(/,
  /^mmap\([^,]+, \d+, PROT_\S+, MAP_PRIVATE\|(MAP_FIXED\|)?MAP_ANONYMOUS[^,]*, /,
  // refused by the filter with an errno, so they did not happen
  /= -1 (EPERM|ENOENT) /,
];

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'sandpiper-strace-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Runs it under strace. What each process did, and the result. */
function trace(run: object): { logs: string[][]; result: RunResult } {
  chmodSync(folder, 0o755);
  const script = fileURLToPath(new URL('run-traced.mjs', import.meta.url));
  const traced = spawnSync(
    'strace',
    ['-ff', '-qq', '-o', join(folder, 'out'), 'node', script, JSON.stringify(run)],
    { encoding: 'utf8', timeout: 100_000 },
  );
  expect(traced.stderr).toBe('');
  const logs = readdirSync(folder)
    .filter((name) => name.startsWith('out.'))
    .map((name) => readFileSync(join(folder, name), 'latin1').split('\n'));
  return { logs, result: JSON.parse(traced.stdout) as RunResult };
}

const LOCKED = 'PR_SET_SECCOMP';
const has = (lines: readonly string[], text: string) => lines.some((line) => line.includes(text));

/** The trace of a forked guest begins midway through the interpreter: its parent made the start. */
const isStarted = (lines: readonly string[]) => has(lines.slice(0, 100), 'execve(');

/** The trace of the locked-down process, if it matches. */
function onlyOne(logs: readonly string[][], fits: (lines: string[]) => boolean): string[] {
  const found = logs.filter((lines) => has(lines, LOCKED) && fits(lines));
  expect(found).toHaveLength(1);
  return found[0] ?? [];
}

/** By which a forked guest waits for its program (controller/src/thread/start/fork-server.ts). Killed there, it does not live to its SIGSYS. */
const WAITS = /^read\(5000,/;

/** A call that the filter traps is followed by its SIGSYS: it was never executed. */
function calls(lines: readonly string[]): { executed: string[]; trapped: string[] } {
  const executed: string[] = [];
  const trapped: string[] = [];
  for (const [i, line] of lines.entries()) {
    if (!/^\w+\(/.test(line)) continue;
    const next = lines[i + 1] ?? '';
    const killed = WAITS.test(line) && next.startsWith('+++ killed by SIGKILL');
    (killed || next.startsWith('--- SIGSYS') ? trapped : executed).push(line);
  }
  return { executed, trapped };
}

function afterLockDown(lines: readonly string[]) {
  return calls(lines.slice(lines.findIndex((line) => line.includes(LOCKED)) + 1));
}

function beyond(allowed: readonly RegExp[], executed: readonly string[]): string[] {
  return executed.filter((line) => !allowed.some((form) => form.test(line)));
}

describe('strace sees only allowed calls reach the kernel', () => {
  it('from a cold-started guest', () => {
    const { logs, result } = trace({ source: PROGRAM });
    expect([result.status, result.start]).toEqual(['ok', 'cold']);
    expect(textOf(result, 'stdout').split('\n')).toEqual(expect.arrayContaining(['PermissionError', 'end']));
    const { executed, trapped } = afterLockDown(onlyOne(logs, () => true));
    expect(trapped.length).toBeGreaterThan(3000);
    expect(executed.length).toBeGreaterThan(3000);
    expect(beyond(ALLOWED, executed)).toEqual([]);
  });

  it('from a forked guest and its parent', () => {
    const { logs, result } = trace({ source: PROGRAM, profile: ['json'] });
    expect([result.status, result.start]).toEqual(['ok', 'forked']);
    expect(textOf(result, 'stdout').split('\n')).toEqual(expect.arrayContaining(['PermissionError', 'end']));
    const parent = afterLockDown(onlyOne(logs, isStarted));
    expect(beyond([...ALLOWED, ...OF_A_PARENT], parent.executed)).toEqual([]);

    const children = logs.filter((lines) => has(lines, LOCKED) && !isStarted(lines));
    expect(children.length).toBeGreaterThan(0);
    let made = 0;
    for (const child of children) {
      const first = child.slice(0, child.findIndex((line) => line.includes(LOCKED)) + 1);
      expect(beyond(OF_A_NEW_CHILD, calls(first).executed)).toEqual([]);
      const { executed, trapped } = afterLockDown(child);
      expect(beyond(ALLOWED, executed)).toEqual([]);
      made = Math.max(made, trapped.length);
    }
    expect(made).toBeGreaterThan(3000);
  });

  it('from a translated guest', () => {
    const bench = new Bench();
    try {
      const { logs, result } = trace({ source: 'print begin\nsurvey\n', interpreter: bench.interpreter });
      expect(result.status).toBe('ok');
      // Also the one that was asked for its version beforehand; both are this program.
      const locked = logs.filter((lines) => has(lines, LOCKED) && has(lines, 'translated-guest'));
      expect(locked.length).toBeGreaterThan(0);
      for (const lines of locked) {
        expect(beyond(OF_A_TRANSLATED_ONE, afterLockDown(lines).executed)).toEqual([]);
      }
      expect(Math.max(...locked.map((lines) => afterLockDown(lines).executed.length))).toBeGreaterThan(1000);
    } finally {
      bench.remove();
    }
  });
});
