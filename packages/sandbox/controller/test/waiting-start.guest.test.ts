import { copyFileSync, readFileSync, renameSync } from 'node:fs';
import { Cell, DEFAULT_PROFILE } from '@sandpiper/controller';
import { TRANSLATED_GUEST_PATH } from '@sandpiper/guest';
import { childrenOf } from '@sandpiper/testkit';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { PATIENCE, runSource, type SourceRun } from './local.js';
import { Bench } from './translated.js';

/**
 * A translated interpreter that was started ahead of its run; programs are lists of commands, as in
 * rpython.guest.test.ts.
 */

const bench = new Bench();
let cell: Cell;
let keeper = 0;

beforeAll(async () => {
  const others = new Set(childrenOf(process.pid));
  cell = await Cell.start({ id: 0, cpu: null, node: null, rpython: null, profile: DEFAULT_PROFILE });
  keeper = childrenOf(process.pid).find((pid) => !others.has(pid)) ?? 0;
});

afterAll(async () => {
  await cell.close();
  bench.remove();
});

const run = (program: string, more: SourceRun = {}) =>
  runSource(cell, `${program}\n`, { interpreter: bench.interpreter, ...more });

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'latin1');
  } catch {
    return ''; // ended
  }
}

/** Process id of the waiting guest; it is started once the previous run has been answered. */
function untilWaiting(name: string): Promise<number> {
  const waiting = () => childrenOf(keeper).find((pid) => commandOf(pid).startsWith(name));
  return vi.waitUntil(waiting, { ...PATIENCE, interval: 1 });
}

async function ready(): Promise<void> {
  expect(await run('print 1')).toMatchObject({ status: 'ok', stdout: '1\n' });
}

describe('a translated interpreter started ahead of its run', () => {
  it('is equivalent to one started for the run', async () => {
    await ready();
    const env = { MORE: 'x=1' };
    const { start, status, stdout } = await run('getenv MORE\nlist /box\nexit 3', { env });
    const cold = await Cell.start({ id: 1, cpu: null, node: null, rpython: null });
    const reference = await runSource(cold, 'getenv MORE\nlist /box\nexit 3\n', {
      interpreter: bench.interpreter,
      env,
    });
    await cold.close();
    expect([start, reference.start]).toEqual(['waiting', 'cold']);
    expect([status, stdout]).toEqual([reference.status, reference.stdout]);
  });

  it('meets no limit while it waits, and each limit when its program runs', async () => {
    await ready();
    const result = await run('spin', { limits: { cpuMs: 200, wallMs: 5000 } });
    expect([result.start, result.status]).toEqual(['waiting', 'time-limit']);
    await ready();
  });

  it.each<[string, SourceRun]>([
    ['arguments', { args: ['a'] }],
    ['a simulated clock', { deterministic: { seed: '0', epochMs: 0, transcriptPath: null } }],
  ])('is not taken by a run with %s', async (_, more) => {
    await ready();
    expect(await run('print 1', more)).toMatchObject({ start: 'cold', status: 'ok', stdout: '1\n' });
  });

  it('is not taken by a run with another binary, nor after the file was rewritten', async () => {
    await ready();
    const path = bench.altered('copy', 'translated', 'translated');
    const interpreter = { ...bench.interpreter, executable: path };
    expect((await run('print 1', { interpreter })).start).toBe('cold');
    expect((await run('print 1', { interpreter })).start).toBe('waiting');
    await untilWaiting('copy');
    const written = bench.write('fresh', '');
    copyFileSync(TRANSLATED_GUEST_PATH, written);

    renameSync(written, path);
    expect((await run('print 1', { interpreter })).start).toBe('cold');
  });

  it('loses no run when it dies', async () => {
    await ready();
    process.kill(await untilWaiting('translated'), 'SIGKILL');
    await ready();
  });

  it('and the fork server give way to each other', async () => {
    await ready();
    const python = () => runSource(cell, 'print(1)');
    expect((await python()).start).toBe('forked');
    expect((await run('print 1')).start).toBe('cold');
    expect((await run('print 1')).start).toBe('waiting');
    expect((await python()).start).toBe('forked');
  });
});
