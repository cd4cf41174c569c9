import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cell } from '@sandpiper/controller';
import { textOf } from '@sandpiper/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runSource, startBothCells } from './local.js';

let cold: Cell;
let forking: Cell;

beforeAll(async () => {
  [cold, forking] = await startBothCells();
});

afterAll(async () => {
  await cold.close();
  await forking.close();
});

/** Standard output of `pypy3 PROGRAM`, without a controlling terminal. */
function bare(source: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'sandpiper-bare-'));
  try {
    writeFileSync(join(folder, 'main.py'), source);
    const env = { PATH: process.env['PATH'] ?? '', HOME: folder, LANG: 'C.UTF-8', TZ: 'UTC' };
    const ended = spawnSync('setsid', ['--wait', 'pypy3', 'main.py'], { cwd: folder, env, encoding: 'utf8' });
    expect(ended.stderr).toBe('');
    return ended.stdout;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function bothWays(source: string) {
  const results = [await runSource(cold, source), await runSource(forking, source)] as const;
  expect(results.map(({ start }) => start)).toEqual(['cold', 'forked']);
  return results.map((result) => ({
    status: result.status,
    stdout: textOf(result, 'stdout'),
    stderr: textOf(result, 'stderr'),
    refused: result.refused,
  }));
}

const SAME: readonly (readonly [string, string])[] = [
  [
    'libraries are found by name, crypt and dbm.ndbm find theirs',
    `import crypt, ctypes, ctypes.util, dbm.ndbm
for name in 'c', 'm', 'z', 'crypt', 'ssl', 'db-5.3', 'no.such', 'no such': print(name, ctypes.util.find_library(name))
print(ctypes.CDLL(ctypes.util.find_library('m')).abs(-3), crypt.crypt('a', '$6$ab'))
with dbm.ndbm.open('data', 'c') as db:
    db['key'] = 'value'
    print(db['key'], db.keys(), dbm.whichdb('data'))`,
  ],
  [
    'the objects of multiprocessing that need no second process',
    `import multiprocessing as mp, os
queue, lock, relock = mp.Queue(), mp.Lock(), mp.RLock()
with lock: print(lock.acquire(False), lock.acquire(timeout=0.05))
with relock, relock: print(lock)
value, array = mp.Value('i', 7), mp.Array('d', 3)
with value.get_lock(): value.value += 1
array[1] = 2.5
print(value.value, array[:], queue.empty())
semaphore = mp.BoundedSemaphore(2)
print(semaphore.acquire(), semaphore.acquire(), semaphore.acquire(timeout=0.01), semaphore.get_value())
simple, event, condition = mp.SimpleQueue(), mp.Event(), mp.Condition()
simple.put([1]); event.set()
with condition: print(simple.get(), event.wait(1), condition.wait(0.01))
try:
    for i in range(3): semaphore.release()
except ValueError as e: print(e)
print([n for n in os.listdir('/dev/shm') if str(os.getpid()) in n])`,
  ],
  [
    'a context of ssl has the certificates of the system',
    `import ssl
context = ssl.create_default_context()
print(context.verify_mode, context.check_hostname, context.cert_store_stats())
print([cert['serialNumber'] for cert in context.get_ca_certs()])
print(ssl.get_default_verify_paths())`,
  ],
  [
    'an ordinary process as the scheduler knows it',
    `import os
for policy in os.SCHED_OTHER, os.SCHED_FIFO, os.SCHED_RR, os.SCHED_BATCH:
    print(os.sched_get_priority_max(policy), os.sched_get_priority_min(policy))
print(os.sched_getscheduler(0), os.sched_getparam(0).sched_priority, 0 <= os.sched_rr_get_interval(0) < 1)
os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
print(os.sched_getscheduler(os.getpid()), os.sched_getscheduler(os.getppid()), os.sched_getparam(os.getppid()).sched_priority)
for wrong in lambda: os.sched_get_priority_max(77), lambda: os.sched_getscheduler(-1), lambda: os.sched_setparam(0, os.sched_param(4)):
    try: wrong()
    except OSError as e: print(e)`,
  ],
  [
    'timers of CPU time',
    `import signal, time
rung = []
for timer, number in (signal.ITIMER_VIRTUAL, signal.SIGVTALRM), (signal.ITIMER_PROF, signal.SIGPROF):
    signal.signal(number, lambda number, frame: rung.append(number))
    signal.setitimer(timer, 0.05, 0.05)
    begin = time.process_time()
    while len(rung) < 3: pass
    spent = time.process_time() - begin
    left, interval = signal.setitimer(timer, 0)
    print(rung == [number] * 3, spent > 0.1, interval, 0 < left <= 0.06)
    rung.clear()
    signal.setitimer(timer, 0.05)
    time.sleep(0.2)
    print(rung, signal.getitimer(timer)[0] > 0)
    signal.setitimer(timer, 0)
    print(signal.getitimer(timer))
try: signal.setitimer(7, 1)
except OSError as e: print(e)`,
  ],
  [
    'a terminal that is not there, a clock that has a zone',
    `import stat, os, time
try: open('/dev/tty')
except OSError as e: print(e)
print(stat.S_ISCHR(os.stat('/dev/tty').st_mode), os.major(os.stat('/dev/tty').st_rdev))
with open('/etc/localtime', 'rb') as file: print(file.read(4))
print(time.tzname, time.localtime(0)[:6])`,
  ],
  [
    'the lines of /proc/self that programs read',
    `def fields(path): return dict(line.split(':', 1) for line in open(path) if ':' in line)
status, memory = fields('/proc/self/status'), fields('/proc/meminfo')
for name in 'VmPeak', 'VmSize', 'VmHWM', 'VmRSS', 'RssAnon':
    number, unit = status[name].split()
    print(name, int(number) > 1000, unit)
before = int(status['VmRSS'].split()[0])
data = bytearray(64 << 20)
data[::4096] = b'x' * len(data[::4096])
print(50_000 < int(fields('/proc/self/status')['VmRSS'].split()[0]) - before < 200_000)
stat = open('/proc/self/stat').read().split()
print(len(stat), stat[1], int(stat[22]) > int(stat[23]) * 4096 > 0)
print(len(open('/proc/self/statm').read().split()), int(memory['MemTotal'].split()[0]) > 1000)
print('model name' in open('/proc/cpuinfo').read())`,
  ],
];

describe('cold and forked as in pypy3', () => {
  it.each(SAME)(
    '%s',
    async (_what, source) => {
      const outcome = { status: 'ok', stdout: bare(source), stderr: '', refused: undefined };
      expect(outcome.stdout).not.toBe('');
      // "(pypy3)" is the name of the process here, that of the file it was started from there
      for (const seen of await bothWays(source)) expect(seen).toEqual(outcome);
    },
    120_000,
  );
});

it('the zone of a run is the one that its TZ names', async () => {
  const source =
    "import time\nprint(time.tzname, open('/etc/localtime', 'rb').read() == open('/usr/share/zoneinfo/Asia/Tokyo', 'rb').read())";
  const { stdout } = await runSource(forking, source, { env: { TZ: 'Asia/Tokyo' } });
  expect(stdout).toBe("('JST', 'JST') True\n");
});

it('a host without certificates has a file that a context of ssl takes, and that trusts no one', async () => {
  const source = `import ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.load_verify_locations('none.pem')
print(context.cert_store_stats(), context.get_ca_certs())`;
  // as it stands in the virtual kernel, which this host's certificates cover
  const none = readFileSync(
    new URL('../../kernel/src/surroundings/certificates.ts', import.meta.url),
    'utf8',
  );
  const files = { 'none.pem': /-----BEGIN[^`]+/.exec(none)?.[0] ?? '' };
  const { stdout, stderr } = await runSource(cold, source, { files });
  expect([stdout, stderr]).toEqual(["{'x509': 0, 'x509_ca': 0, 'crl': 1} []\n", '']);
});

it('the memory of the machine is the limit', async () => {
  const source = "import os\nprint(open('/proc/meminfo').readline().split()[1], os.sysconf('SC_PHYS_PAGES'))";
  const { stdout } = await runSource(cold, source, { limits: { memoryBytes: 128 << 20 } });
  expect(stdout).toBe('131072 32768\n');
});

describe('what is refused is named in the result', () => {
  const refusing = (body: string) => `import os, sys
def attempt():
    ${body}
try: attempt()
except Exception as e: print(type(e).__name__, e)`;

  it.each<[string, string, string[] | undefined, RegExp]>([
    [
      'a thread',
      'import threading; threading.Thread(target=print).start()',
      ['threads'],
      /^RuntimeError can't start new thread$/,
    ],
    [
      'a pool of threads',
      'from concurrent.futures import ThreadPoolExecutor as P; P(1).submit(print)',
      ['threads'],
      /^RuntimeError can't/,
    ],
    [
      'a queue that feeds by a thread',
      'import multiprocessing as m; m.Queue().put(1)',
      ['threads'],
      /^RuntimeError can't/,
    ],
    ['a fork', 'os.fork()', ['processes'], /^BlockingIOError \[Errno 11\] Resource temporarily unavailable$/],
    [
      'a subprocess',
      'import subprocess; subprocess.run(["true"])',
      ['processes'],
      /^BlockingIOError \[Errno 11\] Res/,
    ],
    [
      'a pool of processes',
      'import multiprocessing as m; m.Pool(2)',
      ['processes'],
      /^BlockingIOError \[Errno 11\] Res/,
    ],
    ['a shell', 'print(os.system("true"))', ['processes'], /^32512$/],
    [
      'another program',
      'os.execv("/usr/bin/pypy3", ["pypy3"])',
      ['processes'],
      /^PermissionError \[Errno 1\] Operation not permitted/,
    ],
    [
      'a socket',
      'import socket; socket.socket()',
      ['sockets'],
      /^PermissionError \[Errno 1\] Operation not permitted$/,
    ],
    [
      'a name',
      'import socket; socket.getaddrinfo("example.org", 80)',
      ['sockets'],
      /Temporary failure in name resolution$/,
    ],
    [
      'nothing',
      'import pwd, getpass, socket, asyncio, ssl; print(getpass.getuser(), pwd.getpwuid(1000)[0], os.path.expanduser("~user"))',
      undefined,
      /^user user \/box$/,
    ],
  ])(
    '%s',
    async (_what, body, refused, said) => {
      for (const seen of await bothWays(refusing(body))) {
        expect([seen.status, seen.refused, seen.stdout.trimEnd()]).toEqual([
          'ok',
          refused,
          expect.stringMatching(said),
        ]);
        expect(seen.stderr).toBe('');
      }
    },
    60_000,
  );
});
