import * as fc from 'fast-check';
import { Errno, O, SyscallError } from '@sandpiper/abi';
import { describe, expect, it } from 'vitest';
import { type InputFile, type KernelOptions, libcSurface, linuxSurface } from '../src/index.js';
import { FakeGuest, FakeMemory, limits } from './fake-guest.js';

const INPUT = Buffer.from('input in a file');
const INPUT_FILE: InputFile = {
  size: INPUT.length,
  begin: 3,
  readAt: (offset, length) => INPUT.subarray(offset, offset + length),
};

describe('bad input from a guest', () => {
  it.each([0, 8, 2 ** 47, -4096])('a path at the bad address %d is EFAULT', (at) => {
    expect(new FakeGuest().call('open', at, 0, 0)).toBe(-Errno.EFAULT);
  });

  it('a path that runs past the end of memory is EFAULT', () => {
    const guest = new FakeGuest();
    const end = 0x10000 + guest.memory.bytes.length;
    guest.memory.write(end - 3, Buffer.from('abc'));
    expect(guest.call('open', end - 3, 0, 0)).toBe(-Errno.EFAULT);
  });

  it('a path of 5000 bytes, and a name of 256, are too long', () => {
    const guest = new FakeGuest();
    expect(guest.open('/'.repeat(5000))).toBe(-Errno.ENAMETOOLONG);
    expect(guest.open('x'.repeat(256))).toBe(-Errno.ENAMETOOLONG);
  });

  it('.. above the root stays at the root', () => {
    const guest = new FakeGuest();
    expect(guest.open('/../../../etc/passwd')).toBe(3);
  });

  it('a loop of links is ELOOP', () => {
    const guest = new FakeGuest();
    guest.call('symlink', 'b', 'a');
    guest.call('symlink', 'a', 'b');
    expect(guest.open('a')).toBe(-Errno.ELOOP);
  });

  it('descriptors never opened, or closed, are EBADF', () => {
    const guest = new FakeGuest();
    guest.call('close', 0);
    for (const fd of [0, -1, 3, 2 ** 31 - 1]) {
      for (const name of ['close', 'fstat', 'dup', 'lseek', 'getdents64', 'fchdir', 'fsync', 'fcntl']) {
        expect([name, guest.call(name, fd, 0x10000, 0)]).toEqual([name, -Errno.EBADF]);
      }
    }
  });

  it('a write fetches a bounded number of bytes, whatever its count', () => {
    const guest = new FakeGuest();
    let most = 0;
    guest.memory = new (class extends FakeMemory {
      override read(address: number, size: number): Buffer {
        most = Math.max(most, size);
        return super.read(address, size);
      }
    })();
    const fd = guest.open('a', O.CREAT | O.WRONLY);
    expect(guest.call('write', fd, 0x10000, 2 ** 46)).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(1 << 20);
  });

  it('an unknown call is denied and counted, in a table that is bounded', () => {
    const guest = new FakeGuest();
    expect(guest.call('made_up')).toBe(-Errno.ENOSYS);
    expect(guest.call('constructor')).toBe(-Errno.ENOSYS);
    expect(guest.call('__proto__')).toBe(-Errno.ENOSYS);
    for (let i = 0; i < 100; i++) guest.call(`unknown${i}`);
    expect(guest.kernel.deniedCalls.get('made_up')).toBe(1);
    expect(guest.kernel.deniedCalls.size).toBeLessThanOrEqual(32);
  });

  it('processes and the network are refused with an errno that Python handles', () => {
    const guest = new FakeGuest();
    expect(guest.call('socket', 2, 1, 0)).toBe(-Errno.EPERM);
    expect(guest.call('execve', 0, 0, 0)).toBe(-Errno.EPERM);
    expect(['fork', 'vfork', 'clone', 'clone3'].map((name) => guest.call(name))).toEqual(
      Array(4).fill(-Errno.EAGAIN),
    );
  });
});

describe('limits of a guest', () => {
  it('output of both streams together is cut at the limit, which ends the run', () => {
    const guest = new FakeGuest();
    expect(guest.write(1, 'o'.repeat(600))).toBe(600);
    expect(guest.outcome('write', 2, Buffer.alloc(600, 'e'), 600)).toEqual({
      kind: 'limit',
      limit: 'outputBytes',
    });
    expect([guest.stdout.length, guest.stderr.length]).toEqual([600, 400]);
    expect([guest.kernel.stdoutTruncated, guest.kernel.stderrTruncated]).toEqual([false, true]);
  });

  it('output counts as far as its stream took it, and fails as the stream does', () => {
    let room = 700;
    const stdout = {
      write: ({ length }: Buffer) => {
        const taken = Math.min(room, length);
        if (taken === 0) throw new SyscallError(Errno.ENOSPC);
        room -= taken;
        return taken;
      },
    };
    const guest = new FakeGuest({ stdout });
    expect(guest.write(1, 'o'.repeat(600))).toBe(600);
    expect(guest.write(1, 'o'.repeat(200))).toBe(100);
    expect(guest.write(1, 'o'.repeat(200))).toBe(-Errno.ENOSPC);
    expect(guest.write(2, 'e'.repeat(300))).toBe(300);
    expect(guest.outcome('write', 2, Buffer.alloc(1), 1)).toEqual({ kind: 'limit', limit: 'outputBytes' });
  });

  it('open files end in EMFILE, and a closed number is reused first', () => {
    const guest = new FakeGuest();
    for (let fd = 3; fd < limits.openFiles; fd++) expect(guest.open('/dev/null')).toBe(fd);
    expect(guest.open('/dev/null')).toBe(-Errno.EMFILE);
    guest.call('close', 5);
    expect(guest.open('/dev/null')).toBe(5);
  });

  it('a full disk is ENOSPC, which the kernel remembers', () => {
    const guest = new FakeGuest();
    const fd = guest.open('a', O.CREAT | O.WRONLY);
    expect(guest.call('write', fd, 0x10000, 1 << 20)).toBe(1 << 20);
    expect(guest.kernel.diskLimitHit).toBe(false);
    expect(guest.write(fd, 'x')).toBe(-Errno.ENOSPC);
    expect(guest.kernel.diskLimitHit).toBe(true);
  });

  it('too many files are ENOSPC', () => {
    const guest = new FakeGuest();
    for (let i = 0; i < limits.files; i++) expect(guest.call('mkdir', `d${i}`, 0o755)).toBe(0);
    expect(guest.call('mkdir', 'more', 0o755)).toBe(-Errno.ENOSPC);
  });

  it('too many system calls end the run', () => {
    const guest = new FakeGuest({ limits: { ...limits, syscalls: 2 } });
    guest.call('getpid');
    guest.call('getpid');
    expect(guest.outcome('getpid')).toEqual({ kind: 'limit', limit: 'syscalls' });
  });

  it('a sleep of any length ends when the run must stop', () => {
    let asked = 0;
    const guest = new FakeGuest({ shouldStop: () => ++asked > 2 });
    const span = Buffer.alloc(16);
    span.writeBigInt64LE(2n ** 63n - 1n);
    expect(guest.call('nanosleep', span, 0)).toBe(-Errno.EINTR);
    expect(guest.call('poll', 0, 0, -1)).toBe(-Errno.EINTR);
  });
});

describe.each([
  { name: 'linux', surface: linuxSurface },
  { name: 'libc', surface: libcSurface },
])('any call of the surface $name with any arguments', ({ surface }) => {
  const names = [...surface.rows].filter(([, { arity }]) => arity <= 6).map(([name]) => name);
  const number = fc.oneof(
    fc.integer({ min: -3, max: 20 }),
    fc.integer({ min: 0x10000, max: 0x10400 }),
    fc.constantFrom(2 ** 31, 2 ** 32, 2 ** 47, 2 ** 53, 2 ** 63, -(2 ** 31), -(2 ** 63), 0o102, -100),
  );
  const step = fc.tuple(fc.constantFrom(...names), fc.array(number, { minLength: 6, maxLength: 6 }));

  it('is answered without an exception', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 64, maxLength: 64 }),
        fc.array(step, { maxLength: 40 }),
        fc.constantFrom<Partial<KernelOptions>>({}, { stdin: 'null' }, { stdin: INPUT_FILE }),
        (seed, steps, input) => {
          const guest = new FakeGuest({ shouldStop: () => true, ...input }, 'input', surface);
          guest.memory.write(0x10000, seed);
          guest.memory.write(0x10100, Buffer.from('/box/a\0a\0..\0/tmp/b\0'));
          for (const [name, args] of steps) {
            const arity = surface.rows.get(name)?.arity ?? 0;
            const { kind } = guest.kernel.call(name, args.slice(0, arity), guest.memory);
            expect(['return', 'error', 'exit', 'signal', 'limit']).toContain(kind);
          }
          expect(guest.kernel.inconsistencies()).toEqual([]);
        },
      ),
      { numRuns: 300 },
    );
  }, 60_000);
});
