import { execFile } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CheckoutCopy } from '@sandpiper/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Cell } from '@sandpiper/controller';
import { runSource } from './local.js';

const script = fileURLToPath(new URL('run-stuck.mjs', import.meta.url));

describe('a cell thread stuck in a call', () => {
  let copy: CheckoutCopy;

  beforeAll(() => {
    copy = new CheckoutCopy();
    const file = copy.path('packages/sandbox/kernel/dist/kernel.js');
    const text = readFileSync(file, 'utf8');
    const asked = `writeFileSync(${JSON.stringify(copy.path('asked'))}, '')`;
    const hook = `$1 if (key === 'getsid') for (${asked}; ; );\n`;
    const stuck = text.replace(/^( +call\(key,[^\n]*\{\n)/m, hook);
    expect(stuck).not.toBe(text);
    writeFileSync(file, `import { writeFileSync } from 'node:fs';\n${stuck}`);
  });
  beforeEach(() => rmSync(copy.path('asked'), { force: true }));
  afterAll(() => copy.remove());

  it.each([
    ['wall', { status: 'wall-limit', message: 'the elapsed time limit was reached' }],
    ['cancel', { status: 'cancelled', message: 'the run was cancelled' }],
  ])('is ended when its guest is dead (%s), and the neighbouring cell continues', async (how, ending) => {
    const words = [script, copy.path('packages/sandbox/controller/dist/index.js'), how, copy.path('asked')];
    const { stdout } = await promisify(execFile)(process.execPath, words);
    const [first = '', second = ''] = stdout.split('\n');
    expect(JSON.parse(first)).toEqual({
      ...ending,
      died: expect.stringContaining('the thread ended') as string,
    });
    expect(JSON.parse(second)).toEqual({ stdout: 'whole\n' });
  });
});

it('a heap overflow in one cell thread costs only that cell', async () => {
  const start = (id: number, heapMiB: number) =>
    Cell.start({ id, cpu: null, node: null, rpython: null, heapMiB });
  const [small, other] = await Promise.all([start(0, 40), start(1, 512)]);
  try {
    const beside = runSource(other, 'import time\nfor _ in range(50): time.sleep(0.1)\nprint("whole")');
    const limits = {
      files: 1_000_000,
      cpuMs: 60_000,
      controllerCpuMs: 60_000,
      wallMs: 60_000,
      syscalls: 10_000_000,
    };
    const many = 'import os\nfor i in range(900_000): os.mkdir("/box/%0200d" % i)';
    await expect(runSource(small, many, { limits })).rejects.toThrow(/memory limit|thread (ended|failed)/);
    expect((await small.closed)?.message).toMatch(/^the thread failed: .*memory limit/);
    expect(await beside).toMatchObject({ status: 'ok', stdout: 'whole\n' });
    expect((await runSource(other, 'print(1)')).status).toBe('ok');
  } finally {
    await Promise.all([small.close(), other.close()]);
  }
});
