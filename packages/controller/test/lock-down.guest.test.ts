import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

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
# those that end or block it, and those that would unmap what it stands on
NOT_TRIED = {0, 1, 9, 10, 11, 12, 15, 23, 25, 34, 35, 60, 130, 202, 230, 231, 270, 271}
c = ctypes.CDLL(None)
for number in range(335):
    if number not in NOT_TRIED: c.syscall(number, 0, 0, 0, 0, 0, 0)
x = [bytearray(1 << 20) for _ in range(20)]
`;

/** What the filter lets through, and with what arguments; see native/shim/filter.c. */
const ALLOWED: RegExp[] = [
  /^read\(8190,/,
  /^write\(8191,/,
  /^(rt_sigreturn|restart_syscall|exit|exit_group)\(/,
  /^futex\(.*FUTEX_(WAIT|WAKE)/,
  /^mmap\([^,]+, \d+, PROT_\S+, MAP_PRIVATE\|(MAP_FIXED\|)?MAP_ANONYMOUS[^,]*, /,
  /^(munmap|mremap|brk)\(/,
  /^mprotect\([^,]+, \d+, PROT_/,
  /^madvise\(.*MADV_/,
  /^clock_gettime\(CLOCK_(PROCESS|THREAD)_CPUTIME_ID,/,
  // refused by the filter with an errno, so they did not happen
  /^(clone|clone3|fork|vfork)\(.*= -1 EAGAIN/,
];

describe('after the lock-down', () => {
  it('strace sees nothing reach the kernel but calls of the allow-list', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sandpiper-strace-'));
    try {
      writeFileSync(join(folder, 'main.py'), PROGRAM);
      const command = fileURLToPath(new URL('../../cli/dist/main.js', import.meta.url));
      const traced = spawnSync(
        'strace',
        ['-ff', '-qq', '-o', join(folder, 'out'), 'node', command, 'run', join(folder, 'main.py')],
        { encoding: 'utf8', timeout: 100_000 },
      );
      expect(traced.stderr).toBe('');
      expect(traced.stdout.split('\n')).toContain('PermissionError');
      const logs = readdirSync(folder).filter((name) => name.startsWith('out.'));
      const guest = logs
        .map((name) => readFileSync(join(folder, name), 'latin1').split('\n'))
        .find((lines) => lines.some((line) => line.includes('PR_SET_SECCOMP')));
      expect(guest).toBeDefined();
      const { executed, trapped } = afterLockDown(guest as string[]);
      expect(trapped.length).toBeGreaterThan(500);
      expect(executed.length).toBeGreaterThan(500);
      expect(executed.filter((line) => !ALLOWED.some((form) => form.test(line)))).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

/** A call that the filter traps is followed by its SIGSYS: it was never executed. */
function afterLockDown(lines: readonly string[]): { executed: string[]; trapped: string[] } {
  const executed: string[] = [];
  const trapped: string[] = [];
  const calls = lines.slice(lines.findIndex((line) => line.includes('PR_SET_SECCOMP')) + 1);
  for (const [i, line] of calls.entries()) {
    if (!/^\w+\(/.test(line)) continue;
    (calls[i + 1]?.startsWith('--- SIGSYS') ? trapped : executed).push(line);
  }
  return { executed, trapped };
}
