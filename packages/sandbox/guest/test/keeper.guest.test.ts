import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type GuestEnd,
  KEEPER_PATH,
  KeeperClient,
  NOT_EXECUTED,
  PYPY3_PATH,
  SHIM_PATH,
} from '@sandpiper/guest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

/**
 * The loader only warns about a preload that it cannot load, and starts the program anyway. So an unloadable
 * shim must be detected before, or a program would run without a sandbox.
 */

let folder: string;
let shim: string;
let trace: string;
let keeper: ChildProcess | null = null;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sandpiper-keeper-test-'));
  chmodSync(folder, 0o777);
  shim = join(folder, 'shim.so');
  trace = join(folder, 'was-executed');
  copyFileSync(SHIM_PATH, shim);
  chmodSync(shim, 0o755);
});
afterEach(async () => {
  keeper?.stdin?.end();
  if (keeper?.exitCode === null) await new Promise((resolve) => keeper?.once('close', resolve));
  rmSync(folder, { recursive: true, force: true });
});

async function connect(): Promise<KeeperClient> {
  const directory = join(folder, 'cell');
  mkdirSync(directory);
  keeper = spawn(KEEPER_PATH, ['--dir', directory, '--shim', shim], { stdio: 'pipe', env: {} });
  await new Promise((resolve) => keeper?.stdout?.once('data', resolve));
  return new KeeperClient(directory);
}

/** Longer than a start takes that is ended by another limit than its time. */
const LONG_MS = 60_000;

/** A program that leaves a trace on the host if it can. */
async function start(
  executable = PYPY3_PATH,
  argv = ['pypy3', '-S', '-c', `import os; os.mkdir(${JSON.stringify(trace)})`],
  startupMs = 1500,
): Promise<GuestEnd> {
  const client = await connect();
  const guest = client.start({
    kind: 'stock',
    executable,
    argv,
    env: {},
    deterministic: false,
    cpu: null,
    startupMs,
  });
  try {
    return client.ended();
  } finally {
    guest.close();
    client.close();
  }
}

describe('a guest is not executed if the shim', () => {
  const isRoot = process.getuid?.() === 0;

  it.each<[string, () => void]>([
    ['is not a shared object', () => writeFileSync(shim, 'text')],
    ['is empty', () => writeFileSync(shim, '')],
    // Without root, guests have our user, which has opened it already.
    ...(isRoot
      ? [
          ['is not readable for the guests’ user', () => chmodSync(shim, 0o700)] satisfies [
            string,
            () => void,
          ],
        ]
      : []),
  ])('%s', async (_what, spoil) => {
    spoil();
    const end = await start();
    expect(existsSync(trace)).toBe(false);
    expect(end).toMatchObject({ reason: 'exit' });
    if (end.signal === null) expect(NOT_EXECUTED.has(end.exitCode ?? 0)).toBe(true);
  });
});

it('a guest under the shim waits for its controller, and leaves no trace on the host', async () => {
  expect(await start()).toMatchObject({ reason: 'startup' });
  expect(existsSync(trace)).toBe(false);
});

describe('a guest is not executed if its program', () => {
  const NO_PRELOAD = 116;

  function compile(...flags: string[]): string {
    const path = join(folder, 'program');
    const source = `#include <sys/stat.h>\nint main(void) { return mkdir("${trace}", 0777) != 0; }\n`;
    const compiled = spawnSync('gcc', ['-x', 'c', '-o', path, ...flags, '-'], {
      input: source,
      encoding: 'utf8',
    });
    expect(compiled.stderr).toBe('');
    return path;
  }

  function write(text: string | Buffer): string {
    const path = join(folder, 'program');
    writeFileSync(path, text, { mode: 0o755 });
    return path;
  }

  function altered(at: number, byte: number): string {
    const bytes = readFileSync(compile());
    bytes[at] = byte;
    return write(bytes);
  }

  it.each<[string, () => string]>([
    ['is static', () => compile('-static')],
    ['is static and position-independent', () => compile('-static-pie')],
    ['has another loader', () => compile('-Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1')],
    ['is a shared object', () => compile('-shared', '-fPIC')],
    ['is a script', () => write(`#!/bin/sh\nmkdir ${trace}\n`)],
    ['is a text without an interpreter line', () => write(`mkdir ${trace}\n`)],
    ['is for another machine', () => altered(18, 183)],
    ['is a 32-bit program', () => altered(4, 1)],
    ['has no headers', () => write(readFileSync(compile()).subarray(0, 64))],
    [
      'is a link to a static program',
      () => {
        symlinkSync(compile('-static'), join(folder, 'link'));
        return join(folder, 'link');
      },
    ],
    ['does not exist', () => join(folder, 'nowhere')],
    ['is a folder', () => folder],
  ])('%s', async (_what, program) => {
    const end = await start(program());
    expect(existsSync(trace)).toBe(false);
    expect(end).toMatchObject({ reason: 'exit', exitCode: NO_PRELOAD });
    expect(NOT_EXECUTED.has(NO_PRELOAD)).toBe(true);
  });

  it('has longer arguments than the kernel takes, and says so', async () => {
    const client = await connect();
    const args = ['x'.repeat(128 * 1024)];
    const guest = client.start({
      kind: 'stock',
      executable: PYPY3_PATH,
      argv: ['pypy3', ...args],
      env: {},
      deterministic: false,
      cpu: null,
      startupMs: 1500,
    });
    expect(NOT_EXECUTED.get(client.ended().exitCode ?? 0)).toMatch(/longer than the kernel allows/);
    guest.close();
    client.close();
  });
});

describe('the keeper survives any frame', () => {
  /** The frame as it goes over the FIFO. */
  const frame = (payload: Buffer): Buffer => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(payload.length);
    return Buffer.concat([length, payload]);
  };
  const words = (...list: string[]): Buffer => frame(Buffer.from(list.map((word) => `${word}\0`).join('')));

  it.each<[string, Buffer]>([
    [
      'a start of 6 MB',
      words(
        'start',
        '/bin/true',
        '',
        '-1',
        '1',
        'stock',
        '0',
        '100',
        ...Array.from({ length: 100 }, () => 'x'.repeat(60_000)),
      ),
    ],
    ['a start without words', words('start')],
    [
      'a start with more arguments than words',
      words('start', '/bin/true', '', '-1', '1000', 'stock', '0', '9', 'x'),
    ],
    ['a mark with invalid limits', words('mark', '1', '-1', 'NaN')],
    ['a mark without a stack', words('mark', '1', '1', '8388608')],
    ['a mark with a stack above all', words('mark', '1', '1', '8388608', String(2 ** 36 + 1))],
    ['a stack of nobody', words('stack', '8388608')],
    ['a stack that is no number', words('stack', 'x')],
    ['a fork with an invalid time', words('fork', '1e99')],
    ['a pin of nothing', words('pin', '', '')],
    ['an unknown command', words('')],
    ['no end', frame(Buffer.from('kill'))],
    ['nothing', frame(Buffer.alloc(0))],
  ])('%s', async (_what, bytes) => {
    const client = await connect();
    const directory = join(folder, 'cell');
    const control = openSync(join(directory, 'control'), 'r+');
    const reports = openSync(join(directory, 'reports'), 'r+');
    for (let at = 0; at < bytes.length; ) at += writeSync(control, bytes, at);
    const answer = Buffer.alloc(256);
    expect(answer.toString('utf8', 0, readSync(reports, answer))).toMatch(/^failed [^\n]+\n$/);
    // The frame behind it is obeyed.
    const next = words('fork', '1000');
    writeSync(control, next);
    expect(answer.toString('utf8', 0, readSync(reports, answer))).toBe('failed there is no parent\n');
    closeSync(control);
    closeSync(reports);
    client.close();
  });
});

describe('a guest whose libraries run code before its shim', () => {
  /** A program with a library whose constructor is `code`, in C; the loader runs it before that of the shim. */
  function programWith(code: string): string {
    const program = join(folder, 'program');
    const library = join(folder, 'libearly.so');
    writeFileSync(
      join(folder, 'early.c'),
      `#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static void *wait_for_ever(void *data) { for (;;) pause(); return data; }
__attribute__((constructor)) static void begin(void) { pthread_t t; void *m; (void)t; (void)m; (void)wait_for_ever; ${code} }
int early(void) { return 0; }`,
    );
    writeFileSync(
      join(folder, 'main.c'),
      'int early(void); int mkdir(const char *, unsigned); int main(int n, char **words) { return early() + mkdir(words[n - 1], 0777); }',
    );
    execFileSync('cc', ['-shared', '-fPIC', '-o', library, join(folder, 'early.c'), '-lpthread']);
    execFileSync('cc', ['-o', program, join(folder, 'main.c'), library, `-Wl,-rpath,${folder}`]);
    return program;
  }

  // By default a thread gets as much address space as the largest stack: more than a start may have.
  const STARTS_A_THREAD = `pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 65536);
  pthread_create(&t, &small, wait_for_ever, NULL);`;

  it('is not executed where they start a thread: the filter would not bind it', async () => {
    const end = await start(programWith(STARTS_A_THREAD), ['program', trace]);
    expect(existsSync(trace)).toBe(false);
    expect(end).toMatchObject({ reason: 'exit', exitCode: 126 });
    expect(NOT_EXECUTED.get(126)).toContain('thread');
  });

  it.each([
    ['cpu', 'for (;;);'],
    ['memory', 'for (;;) if ((m = malloc(1 << 20)) != NULL) memset(m, 1, 1 << 20);'],
  ])('is ended by the limit of a start: %s', async (reason, code) => {
    const end = await start(programWith(code), ['program', trace], LONG_MS);
    expect(existsSync(trace)).toBe(false);
    expect(end).toMatchObject({ reason });
  });
});
