import { Cell } from '@sandpiper/controller';
import { textOf } from '@sandpiper/contracts';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { PATIENCE, runSource } from './local.js';

/** Everything that usually differs from run to run. */
const PROGRAM = `
import os, random, sys, tempfile, time, uuid
print(random.random(), random.SystemRandom().random(), os.urandom(8).hex(), uuid.uuid4())
print(time.time(), time.monotonic(), time.process_time(), time.perf_counter(), os.times())
time.sleep(3600)
print(time.time(), time.localtime())
print(hash('text'), hash(object()), id([]), set('hello world'), object())
with tempfile.NamedTemporaryFile() as f: print(f.name, os.stat(f.name))
for i in range(20): open('file%d' % (i * 7 % 20), 'w').close()
print(os.listdir('.'), os.getpid(), sys.stdin.read())
class Noisy:
    def __del__(self): print('gone', id(self))
for i in range(50000): Noisy() if i % 10000 == 0 else bytearray(100)
try: {}['missing']
except KeyError as e: print(repr(e), e.__traceback__)
`;

const cells: Cell[] = [];

beforeAll(async () => {
  for (const id of [0, 1]) cells.push(await Cell.start({ id, cpu: null, node: null, rpython: null }));
});

afterAll(async () => {
  await Promise.all(cells.map((cell) => cell.close()));
});

function cellOf(index: number): Cell {
  const cell = cells[index];
  if (cell === undefined) throw new Error(`there is no cell ${index}`);
  return cell;
}

const run = (cell: number, seed = 'seed', epochMs = 1e12) =>
  runSource(cellOf(cell), PROGRAM, {
    stdin: 'given',
    deterministic: { seed, epochMs, transcriptPath: null },
  });

const secondOfHost = () => Math.floor(Date.now() / 1000);

describe('a deterministic run', () => {
  it('repeats call by call on another cell at another time', async () => {
    const first = await run(0);
    expect(first.stderr).toBe('');
    expect(first.status).toBe('ok');
    // A guest that saw the host's clock would print another second.
    const endedIn = secondOfHost();
    await vi.waitUntil(() => secondOfHost() !== endedIn, PATIENCE);
    const second = await run(1);
    const third = await run(0);
    for (const other of [second, third]) {
      expect(other.stdout).toBe(first.stdout);
      expect(other.transcriptDigest).toBe(first.transcriptDigest);
      expect(other.usage.syscalls).toBe(first.usage.syscalls);
    }
    expect(first.transcriptDigest).toMatch(/^[0-9a-f]{64}$/);
  });

  it('differs with another seed, and begins at the given time', async () => {
    const [first, second] = [await run(0), await run(0, 'other', 2e12)];
    expect(second.stdout).not.toBe(first.stdout);
    expect(second.transcriptDigest).not.toBe(first.transcriptDigest);
    const time = (stdout: string) => Number(stdout.split('\n')[1]?.split(' ')[0]);
    expect(Math.floor(time(textOf(first, 'stdout')))).toBe(1e9);
    expect(Math.floor(time(textOf(second, 'stdout')))).toBe(2e9);
  });

  it('sleeps without taking real time', async () => {
    const { usage } = await run(0);
    // No assertion on speed: the program sleeps an hour, and the clock of its sleep is simulated.
    expect(usage.wallMs).toBeLessThan(60_000);
  });
});

describe('output files of a run', () => {
  const leave = (source: string, outputs: string[]) => runSource(cellOf(0), source, { outputs });

  it('are returned, whatever they contain', async () => {
    const { outputs, missingOutputs } = await leave(
      `import os; os.mkdir('d'); open('d/text', 'w').write('naïve'); open('bytes', 'wb').write(bytes([0, 255]))
os.symlink('d/text', 'link')`,
      ['d/text', 'bytes', 'link'],
    );
    expect(outputs).toEqual([
      { name: 'd/text', content: 'naïve' },
      { name: 'bytes', contentBase64: 'AP8=' },
      { name: 'link', content: 'naïve' },
    ]);
    expect(missingOutputs).toEqual({});
  });

  it('are files of the run only', async () => {
    const { outputs, missingOutputs } = await leave(
      `import os; os.symlink('/etc/passwd', 'passwd'); os.symlink('/usr/lib/locale/C.utf8/LC_CTYPE', 'host')
os.mkdir('folder'); os.symlink('loop', 'loop'); os.mkfifo('pipe')`,
      ['passwd', 'host', 'folder', 'loop', 'pipe', 'never-made', '../etc/passwd'],
    );
    expect(outputs).toEqual([]);
    expect(missingOutputs).toEqual({
      passwd: 'not a file of the run',
      host: 'not a file of the run',
      folder: 'not a file of the run',
      loop: 'cannot be read: ELOOP',
      pipe: 'not a file of the run',
      'never-made': 'no such file',
      '../etc/passwd': 'not a file of the run',
    });
  });

  it('share one size bound', async () => {
    const { outputs, missingOutputs } = await leave(
      `for name in 'abc': open(name, 'wb').write(b'x' * 7_000_000)`,
      ['a', 'b', 'c'],
    );
    expect(outputs?.map(({ name }) => name)).toEqual(['a', 'b']);
    expect(missingOutputs?.['c']).toMatch(/^too large: 7000000 bytes where \d+ are left$/);
  });
});
