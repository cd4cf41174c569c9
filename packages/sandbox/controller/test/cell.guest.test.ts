import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { childrenOf } from '@sandpiper/testkit';
import { describe, expect, it, vi } from 'vitest';
import { Cell, cgroupFolder } from '@sandpiper/controller';
import type { Piscina } from 'piscina';
import { PATIENCE, runSource } from './local.js';

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0')[0] ?? '';
  } catch {
    return '';
  }
}

/** The control groups of that keeper's guests, where the host delegates some. */
function groupsOf(keeper: number): string[] {
  const folder = cgroupFolder();
  if (folder.kind === 'none') return [];
  return readdirSync(folder.directory).filter((name) => name.startsWith(`sandpiper-${keeper}-`));
}

const keepers = () => childrenOf(process.pid).filter((pid) => commandOf(pid).endsWith('sandpiper-keeper'));

const FOREVER = 'import time\nprint("up", flush=True)\nwhile True: time.sleep(1)';

describe('a sandbox cell', () => {
  it('leaves no process, descriptor or folder behind', async () => {
    // Of its own: cells of other processes come and go in the common one.
    const folder = mkdtempSync(join(tmpdir(), 'sandpiper-test-'));
    chmodSync(folder, 0o755); // guests of root run as another user
    vi.stubEnv('TMPDIR', folder);
    const before = keepers().length;
    const cell = await Cell.start({ id: 1, cpu: null, node: null, rpython: null });
    await runSource(cell, 'print(1)');
    const descriptors = readdirSync('/proc/self/fd').length;
    for (let i = 0; i < 5; i++) await runSource(cell, 'print(1)');
    expect(readdirSync('/proc/self/fd').length).toBe(descriptors);
    await cell.close();
    expect(await cell.closed).toBeNull();
    expect(keepers().length).toBe(before);
    expect(readdirSync(folder)).toEqual([]);
    vi.unstubAllEnvs();
    rmdirSync(folder);
  });

  it('cancels the run that it is told to, and no other', async () => {
    const cell = await Cell.start({ id: 1, cpu: null, node: null, rpython: null });
    try {
      const running = runSource(cell, FOREVER, { id: 'this' });
      const keeper = keepers().at(-1) as number;
      await vi.waitUntil(() => childrenOf(keeper).length > 0, PATIENCE);
      cell.cancel('another');
      cell.cancel('this');
      expect(await running).toMatchObject({ status: 'cancelled', exitCode: null });
      expect((await runSource(cell, 'print(1)')).status).toBe('ok');
    } finally {
      await cell.close();
    }
  });

  it('reports the loss of its keeper, and its guest dies', async () => {
    const cell = await Cell.start({ id: 1, cpu: null, node: null, rpython: null });
    try {
      const running = runSource(cell, FOREVER);
      const failed = running.then(
        () => null,
        (error: Error) => error,
      );
      const keeper = keepers().at(-1) as number;
      await vi.waitUntil(() => childrenOf(keeper).length > 0, PATIENCE);
      const [guest] = childrenOf(keeper) as [number];
      process.kill(keeper, 'SIGKILL');
      expect(await failed).toBeInstanceOf(Error);
      expect(await cell.closed).toBeInstanceOf(Error);
      await vi.waitUntil(() => !existsSync(`/proc/${guest}`), PATIENCE);
      await expect(runSource(cell, 'print(1)')).rejects.toThrow();
      await cell.close();
      expect(groupsOf(keeper)).toEqual([]);
    } finally {
      await cell.close();
    }
  });

  it('can be closed while its thread loads', async () => {
    for (let ms = 0; ms < 100; ms += 10) {
      const cell = await Cell.start({ id: 1, cpu: null, node: null, rpython: null });
      // No event tells how far it is: each round meets another moment of its loading.
      await sleep(ms);
      await cell.close();
      expect(await cell.closed).toBeNull();
    }
  });

  it('can be closed when its keeper dies just as its thread calls it', async () => {
    for (let round = 0; round < 4; round++) {
      const cell = await Cell.start({ id: 1, cpu: null, node: null, rpython: null });
      await (Reflect.get(cell, 'loaded') as Promise<void>);
      const running = runSource(cell, FOREVER);
      process.kill(keepers().at(-1) as number, 'SIGKILL');
      await expect(running).rejects.toThrow();
      await cell.close();
    }
  });

  it.each(['while it runs something', 'while it runs nothing'])(
    'reports the loss of its thread, and leaves nothing behind: %s',
    async (when) => {
      const before = keepers().length;
      const cell = await Cell.start({ id: 1, cpu: null, node: null, rpython: null });
      const keeper = keepers().at(-1) as number;
      const { directory } = Reflect.get(cell, 'keeper') as { directory: string };
      try {
        const busy = when === 'while it runs something';
        const failed = busy ? runSource(cell, FOREVER).catch((error: unknown) => error) : null;
        if (busy) await vi.waitUntil(() => childrenOf(keeper).length > 0, PATIENCE);
        else await runSource(cell, 'print(1)');
        const [thread] = (Reflect.get(cell, 'pool') as Piscina).threads;
        // As a thread that runs out of memory, or that a fault of ours ends.
        await thread?.terminate();
        expect((await cell.closed)?.message).toMatch(/^the thread ended/);
        if (busy) expect(await failed).toBeInstanceOf(Error);
        await expect(runSource(cell, 'print(1)')).rejects.toThrow('the thread ended');
      } finally {
        await cell.close();
      }
      expect([keepers().length, existsSync(directory)]).toEqual([before, false]);
      expect(groupsOf(keeper)).toEqual([]);
    },
  );
});
