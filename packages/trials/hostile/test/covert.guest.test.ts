import { randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { completeLimits, type RunResult, textOf } from '@sandpiper/contracts';
import type { LiveStreams } from '@sandpiper/controller';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { descendants } from '../src/census.js';
import { Ground, type SubjectJob, type Subject, type SubjectName } from '../src/ground.js';

/**
 * What two guests of one node can learn of each other, at the same time and one after the other. What is left are clocks,
 * the time-stamp counter, caches and the number of the CPU, which no filter keeps from native code (SECURITY.md).
 */

const ATTACKS = readFileSync(
  fileURLToPath(new URL('../../../sandbox/guest/native/build/attacks.so', import.meta.url)),
);
const SEQUENCES: readonly SubjectName[] = ['seccomp cold', 'seccomp forked'];

let ground: Ground;

beforeAll(async () => {
  ground = await Ground.start(['seccomp cold', 'seccomp forked', 'rpython cold', 'rpython waiting']);
});
afterAll(() => ground.stop());

function subject(name: SubjectName): Subject {
  const found = ground.subjects.get(name);
  if (found === undefined) throw new Error(`there is no ${name}`);
  return found;
}

interface Given {
  readonly args?: readonly string[];
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, string>>;
  /** Answers what the program reads, in place of `stdin`. */
  readonly streams?: LiveStreams;
}

function run(name: SubjectName, text: string, given: Given = {}): Promise<RunResult> {
  const files = Object.entries({ 'main.py': text, ...given.files }).map(([path, data]) => ({
    path: `/box/${path}`,
    data: Buffer.from(data),
  }));
  const source: SubjectJob = {
    id: `covert-${randomBytes(4).toString('hex')}`,
    files: name.startsWith('seccomp') ? [...files, { path: '/box/attacks.so', data: ATTACKS }] : files,
    args: given.args ?? [],
    env: given.env ?? {},
    stdin:
      given.streams === undefined
        ? { kind: 'buffer', data: Buffer.from(given.stdin ?? '') }
        : { kind: 'live' },
    limits: completeLimits({ wallMs: 60_000, cpuMs: 30_000 }),
  };
  return subject(name).run(source, given.streams);
}

async function says(name: SubjectName, text: string, given: Given = {}): Promise<string> {
  const result = await run(name, text, given);
  expect(result.status, `${result.message} ${result.stderr}`).toBe('ok');
  return textOf(result, 'stdout');
}

const attack = (name: string, argument: string) =>
  `import ctypes\nctypes.CDLL("/box/attacks.so").attack(b"${name}", ${argument})`;

/** As attacks_search.c unmasks it. */
const masked = (text: string) => Buffer.from(Buffer.from(text).map((byte) => byte ^ 0x55)).toString('hex');

const secret = () => `covert-${randomBytes(16).toString('hex')}`;

describe('two guests at the same time', () => {
  it('do not meet at a futex on a page that both have mapped', async () => {
    const waits = run('seccomp cold', attack('wait-in-common', 'b"3"'));
    const wakes = run('seccomp forked', attack('wake-in-common', 'b"3"'));
    expect([(await waits).stdout, (await wakes).stdout]).toEqual(['not woken\n', 'no waiter\n']);
  });

  it.each<[SubjectName, SubjectName]>([
    ['seccomp cold', 'seccomp forked'],
    ['seccomp forked', 'seccomp cold'],
  ])('have no files, processes or numbers in common: %s, %s', async (first, second) => {
    const stays = `
import os
for path in ["/tmp/shared", "/box/shared", "shared"]:
    open(path, "w").write("here")
os.mkfifo("/tmp/fifo")
fd = os.memfd_create("shared")
input()
print(sorted(os.listdir("/tmp")), sorted(os.listdir("/box")))`;
    const looks = `
import os, signal, sys
seen = [os.listdir("/tmp"), sorted(os.listdir("/box")), sorted(os.listdir("/proc"))]
reached = []
for pid in map(int, sys.argv[1:]):
    for call in [lambda: os.kill(pid, 0), lambda: os.kill(pid, signal.SIGTERM), lambda: os.getpgid(pid), lambda: os.getsid(pid), lambda: open("/proc/%d/stat" % pid), lambda: os.getpriority(os.PRIO_PROCESS, pid), lambda: os.stat("/proc/%d" % pid)]:
        try:
            call()
            reached.append((pid, call))
        except OSError:
            pass
print(seen, reached, os.getpid(), os.getppid(), os.getpgrp())`;
    const program = new EventEmitter();
    const waits = once(program, 'waits');
    const goesOn = once(program, 'goes on');
    const onInput = async () => {
      program.emit('waits');
      await goesOn;
      return Buffer.from('\n');
    };
    const one = run(first, stays, { streams: { onOutput: () => {}, onInput } });
    await Promise.race([waits, one]);
    // The real ids of all guests and keepers: more than the other could ever guess.
    const ids = [process.pid, ...descendants(process.pid)].map(String);
    const other = await says(second, looks, { args: ids });
    expect(other).toBe("[[], ['attacks.so', 'main.py'], ['2', 'cpuinfo', 'meminfo', 'self']] [] 2 1 2\n");
    program.emit('goes on');
    expect((await one).stdout).toBe("['fifo', 'shared'] ['attacks.so', 'main.py', 'shared']\n");
  });
});

describe.each(SEQUENCES)('one guest after the other: %s', (name) => {
  it('knows no process id of the host', async () => {
    for (let i = 0; i < 2; i++) expect(await says(name, attack('thread-id', 'None'))).toBe('2\n');
  });

  it('sees the same inode numbers and times, whichever guest ran before', async () => {
    const text = `
import os, re, socket, resource
open("/tmp/a", "w").close()
# What the guest holds itself differs by some pages.
def without_own(path): return re.sub(r"(?m)^(MemFree|MemAvailable|Vm\\w+|Rss\\w+):.*$", r"\\1", open(path).read())
r, w = os.pipe()
print([os.stat(p).st_ino for p in ["/", "/tmp", "/tmp/a", "/box", "/dev/null"]], os.fstat(r).st_ino, os.memfd_create("x"))
os.listdir(os.path.dirname(os.__file__)), open(os.__file__).read()
status = os.stat(os.__file__)
print(status.st_atime_ns == status.st_mtime_ns == status.st_ctime_ns or status.st_atime, status.st_nlink)
print(os.times().elapsed < 5, resource.getrusage(resource.RUSAGE_CHILDREN)[:2], os.sysconf("SC_NPROCESSORS_ONLN"), sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0)
print(without_own("/proc/meminfo"), without_own("/proc/self/status"), os.uname())`;
    const first = await says(name, text);
    expect(await says(name, text)).toBe(first);
  });

  it('draws other random numbers than the one before', async () => {
    const text =
      'import os, random, uuid, ctypes\nprint(os.urandom(8).hex(), random.getrandbits(64), uuid.uuid4(), uuid.uuid1().hex)';
    const drawn = [await says(name, text), await says(name, text), await says(name, text)];
    expect(new Set(drawn.flatMap((line) => line.trim().split(' '))).size).toBe(12);
  });

  it('finds nothing of it in its memory, nor of the host', async () => {
    const before = secret();
    const keep = `import os, sys\nkept = [os.environ["KEEP"] * 50, sys.stdin.read(), open("keep.txt").read(), sys.argv[1]] * 20\nprint(len(kept))`;
    await says(name, keep, {
      env: { KEEP: before },
      stdin: before,
      files: { 'keep.txt': before },
      args: [before],
    });
    const search = (text: string) =>
      says(
        name,
        `import ctypes, sys\nOWN = "own-" + "secret-of-this-run" * 1\nctypes.CDLL("/box/attacks.so").attack(b"search", b"${masked(text)}")`,
      );
    expect(await search(before)).toBe('found 0 times, in more than a thousand pages\n');
    for (const [ofHost] of ground.secrets) {
      expect(await search(ofHost)).toBe('found 0 times, in more than a thousand pages\n');
    }
    // And the search is one that finds.
    expect(await search('secret-of-this-run')).toMatch(/^found [1-9]\d* times, in more/);
  });

  it('reads files of the host as they are, whatever the one before did to its own view of them', async () => {
    const spoil = `
import ctypes, mmap, os
path = os.__file__
tried = []
def attempt(f):
    try: tried.append(f())
    except (OSError, ValueError, TypeError): pass
for flags in [os.O_WRONLY, os.O_RDWR, os.O_APPEND | os.O_WRONLY]: attempt(lambda: os.open(path, flags))
for call in [lambda: os.truncate(path, 0), lambda: os.chmod(path, 0o777), lambda: os.utime(path, (1, 1)), lambda: os.unlink(path), lambda: os.rename("main.py", path), lambda: os.link(path, "/tmp/l"), lambda: os.setxattr(path, "user.x", b"y"), lambda: os.mkdir(path + ".d"), lambda: os.symlink("x", os.path.dirname(path) + "/link"), lambda: os.rmdir(os.path.dirname(path))]: attempt(call)
fd = os.open(path, os.O_RDONLY)
attempt(lambda: os.write(fd, b"x")), attempt(lambda: os.ftruncate(fd, 0)), attempt(lambda: mmap.mmap(fd, 0, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE))
private = mmap.mmap(fd, 0, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE)
private[:20] = b"x" * 20
copy = os.memfd_create("copy")
os.sendfile(copy, fd, 0, 1 << 20)
os.pwrite(copy, b"y" * 100, 0)
r, w = os.pipe()
os.sendfile(w, fd, 0, 1000)
buffer = bytearray(os.read(r, 1000)); buffer[:] = b"z" * 1000
os.environ["x"] = "y"
print([t for t in tried if t is not None])`;
    expect(await says(name, spoil)).toBe('[]\n');
    const look = `import os, hashlib; s = os.stat(os.__file__); print(hashlib.sha256(open(os.__file__, "rb").read()).hexdigest(), oct(s.st_mode), s.st_size, s.st_mtime_ns, os.listdir(os.path.dirname(os.__file__)) == sorted(os.listdir(os.path.dirname(os.__file__))) or 1)`;
    const [seen, other] = [await says(name, look), await says('seccomp cold', look)];
    expect(seen).toBe(other);
    const bytes = readFileSync((await says(name, 'import os; print(os.__file__)')).trim());
    const { createHash } = await import('node:crypto');
    expect(seen).toContain(createHash('sha256').update(bytes).digest('hex'));
  });
});

describe.each<SubjectName>(['rpython cold', 'rpython waiting'])('one guest after the other: %s', (name) => {
  it('has nothing of what the one before left in its pipes', async () => {
    const left = secret();
    const loud = await run(name, `message 600 ${left}${'x'.repeat(60)}\nabort ${left}\n`);
    expect(loud.status).toBe('runtime-error');
    await run(name, `attack repeated 00*ffff00*ffff00*ffff\n`);
    for (let i = 0; i < 3; i++) {
      const next = await run(name, 'print 42\n');
      expect(next).toMatchObject({ status: 'ok', stdout: '42\n', stderr: '' });
    }
  });

  it('has none of its files and variables', async () => {
    await run(name, 'write left x\nwrite /tmp/left x\nraw putenv(p)i s:LEFT=x\nmkdir /tmp/d\n');
    expect(await says(name, 'list /box\nlist /tmp\ngetenv LEFT\n')).toBe('main.py\n(none)\n');
  });
});

it('a node keeps nothing of its runs where others could look', () => {
  const folder = readdirSync(ground.folder, { recursive: true, encoding: 'utf8' });
  // Of a keeper's pipes their names alone; the rest was laid out by this test.
  const rest = folder.filter(
    (path) =>
      !/^(sandpiper-cell-\w+(\/(control|reports|requests|replies|errors))?|library.*|secret\.txt)$/.test(
        path,
      ),
  );
  expect(rest).toEqual([]);
});
