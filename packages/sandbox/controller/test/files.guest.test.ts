import { Cell } from '@sandpiper/controller';
import { textOf } from '@sandpiper/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runSource } from './local.js';

let cell: Cell;

beforeAll(async () => {
  cell = await Cell.start({ id: 0, cpu: null, node: null, rpython: null });
});

afterAll(() => cell.close());

const MIB = 1024 * 1024;

describe('the files of a run', () => {
  it('can be a thousand, written, renamed and read back', async () => {
    const { stdout, stderr, status } = await runSource(
      cell,
      `import os
os.mkdir('new')
for i in range(1000):
    with open('f%d' % i, 'wb') as f: f.write(bytes([i % 256]) * 10240)
for i in range(1000): os.rename('f%d' % i, 'new/g%d' % i)
def read(i):
    with open('new/g%d' % i, 'rb') as f: return f.read()
same = sum(read(i) == bytes([i % 256]) * 10240 for i in range(1000))
print(same, len(os.listdir('new')), [n for n in os.listdir('.') if n.startswith('f')])`,
    );
    expect([stdout, stderr, status]).toEqual(['1000 1000 []\n', '', 'ok']);
  });

  const FILL = `
import errno, os
f = open('big', 'wb', buffering=0)
block, written = b'x' * 4096, 0
try:
    while True: written += f.write(block)
except OSError as e: print(errno.errorcode[e.errno], written)
`;

  it('end at the quota, with the write that crosses it', async () => {
    const { stdout, status } = await runSource(cell, FILL, { limits: { diskBytes: MIB } });
    expect([stdout, status]).toEqual([`ENOSPC ${MIB}\n`, 'ok']);
  });

  it('end the run as disk-limit only if it then fails', async () => {
    const { status, exitCode } = await runSource(cell, `${FILL}raise SystemExit(1)`, {
      limits: { diskBytes: MIB },
    });
    expect([status, exitCode]).toEqual(['disk-limit', 1]);
  });

  it('support a database', async () => {
    const { stdout, stderr } = await runSource(
      cell,
      `import sqlite3
db = sqlite3.connect('data.db')
db.execute('create table t (n integer, s text)')
db.executemany('insert into t values (?, ?)', [(i, str(i)) for i in range(1000)])
db.commit(); db.close()
db = sqlite3.connect('data.db')
print(db.execute('select count(*), sum(n) from t').fetchone(), db.execute('pragma integrity_check').fetchone())`,
    );
    expect([stdout, stderr]).toEqual(["(1000, 499500) ('ok',)\n", '']);
  });
});

describe('what programs expect of one process', () => {
  it('an event loop, signals with handlers, timers', async () => {
    const { stdout, stderr } = await runSource(
      cell,
      `import asyncio, os, signal, time
async def twice(n):
    await asyncio.sleep(0.01)
    return 2 * n
async def main(): return await asyncio.gather(*map(twice, range(3)))
print(asyncio.run(main()))
signal.signal(signal.SIGUSR1, lambda number, frame: print('handled', number))
os.kill(os.getpid(), signal.SIGUSR1)
def late(number, frame): raise TimeoutError
signal.signal(signal.SIGALRM, late)
for work in (lambda: time.sleep(1000), lambda: any(iter(int, 1))):
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try: work()
    except TimeoutError: print('interrupted')`,
    );
    expect([stdout, stderr]).toEqual(['[0, 2, 4]\nhandled 10\ninterrupted\ninterrupted\n', '']);
  });

  it('a clean refusal of threads and processes', async () => {
    const result = await runSource(
      cell,
      `import os, subprocess, threading
for attempt in (lambda: threading.Thread(target=print).start(), os.fork, lambda: subprocess.run(['true'])):
    try: attempt()
    except Exception as e: print(type(e).__name__, e)`,
    );
    expect([result.status, result.refused]).toEqual(['ok', ['processes', 'threads']]);
    expect(textOf(result, 'stdout').split('\n')).toEqual([
      "RuntimeError can't start new thread",
      'BlockingIOError [Errno 11] Resource temporarily unavailable',
      'BlockingIOError [Errno 11] Resource temporarily unavailable',
      '',
    ]);
  });
});
