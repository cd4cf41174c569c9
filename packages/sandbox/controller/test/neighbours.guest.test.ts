import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Cell } from '@sandpiper/controller';
import { childrenOf } from '@sandpiper/testkit';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { PATIENCE, runSource } from './local.js';

const isRoot = process.getuid?.() === 0;
if (!isRoot) process.stderr.write('skipped: guests have users of their own only where the node is root\n');

const ATTACKS = fileURLToPath(new URL('../../guest/native/build/attacks.so', import.meta.url));
const NOBODY = 65534;
const SLEEPS = 'import time\ntime.sleep(100)';

/** The real, effective, saved and file system user of a process (proc(5)). */
function usersOf(pid: number): number[] {
  const line = /^Uid:\s+(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? '';
  return line.split(/\s+/).map(Number);
}

/** Runs a command as that user and group. */
function tryAs(user: number, ...command: string[]): 'done' | 'refused' {
  try {
    const words = [
      '--reuid',
      String(user),
      '--regid',
      String(user),
      '--clear-groups',
      '--bounding-set=-all',
      '--inh-caps=-all',
    ];
    execFileSync('setpriv', [...words, ...command], { stdio: 'ignore' });
    return 'done';
  } catch {
    return 'refused';
  }
}

describe.skipIf(!isRoot)('two cells of one node', () => {
  const cells: {
    readonly cell: Cell;
    readonly keeper: number;
    readonly guest: number;
    readonly ended: Promise<unknown>;
  }[] = [];

  beforeAll(async () => {
    for (const [id, profile] of [null, []].entries()) {
      const others = new Set(childrenOf(process.pid));
      const cell = await Cell.start({ id, cpu: null, node: null, rpython: null, profile });
      const keeper = childrenOf(process.pid).find((pid) => !others.has(pid)) ?? 0;
      const ended = runSource(cell, SLEEPS, { id: `sleeps-${id}` });
      const guest = await vi.waitUntil(() => childrenOf(keeper).find((pid) => isAsleep(pid)), PATIENCE);
      cells.push({ cell, keeper, guest, ended });
    }
  });

  afterAll(async () => {
    for (const [id, { cell, ended }] of cells.entries()) {
      cell.cancel(`sleeps-${id}`);
      await ended;
      await cell.close();
    }
  });

  it('have guests with different users, which no one else has', () => {
    const [first = [], second = []] = cells.map(({ guest }) => usersOf(guest));
    expect(new Set(first).size).toBe(1);
    expect(new Set(second).size).toBe(1);
    expect(first[0]).not.toBe(second[0]);
    for (const user of [first[0], second[0]]) expect([0, NOBODY]).not.toContain(user);
  });

  it('have keepers that neither a guest nor the user nobody may signal or limit', () => {
    const users = cells.map(({ guest }) => usersOf(guest)[0] ?? 0);
    for (const { keeper } of cells) {
      expect(usersOf(keeper)).toEqual([0, 0, 0, 0]);
      for (const user of [...users, NOBODY]) {
        expect(tryAs(user, 'kill', '-0', String(keeper))).toBe('refused');
        expect(tryAs(user, 'prlimit', '--pid', String(keeper), '--nofile=100:100')).toBe('refused');
      }
    }
  });

  it('have guests that neither the other guest nor the user nobody may signal or limit', () => {
    for (const [index, { guest }] of cells.entries()) {
      const own = usersOf(guest)[0] ?? 0;
      const other = usersOf(cells[1 - index]?.guest ?? 0)[0] ?? 0;
      for (const user of [other, NOBODY]) {
        expect(tryAs(user, 'kill', '-0', String(guest))).toBe('refused');
        expect(tryAs(user, 'prlimit', '--pid', String(guest), '--nofile=0:0')).toBe('refused');
      }
      // And the user is what prevents it.
      expect(tryAs(own, 'kill', '-0', String(guest))).toBe('done');
    }
  });
});

/** Waits for its controller: a thread of a guest that is asleep in a pipe. */
function isAsleep(pid: number): boolean {
  try {
    return (
      /^State:\s+S/m.test(readFileSync(`/proc/${pid}/status`, 'latin1')) &&
      readdirSync(`/proc/${pid}/task`).length === 1
    );
  } catch {
    return false;
  }
}

const FOUND = /^found (\d+) times, in the shim and the stack\n$/;

/** How often a number, as an int, stands in the shim and the stack of a forked guest. */
async function timesFound(cell: Cell, number: number): Promise<number> {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(number);
  // As attacks_search.c unmasks it.
  const text = Buffer.from(bytes.map((byte) => byte ^ 0x55)).toString('hex');
  const source = `import ctypes\nctypes.CDLL("/box/attacks.so").attack(b"search-shim", b"${text}")`;
  const { stdout, start } = await runSource(cell, source, { files: { 'attacks.so': readFileSync(ATTACKS) } });
  expect([start, stdout]).toEqual(['forked', expect.stringMatching(FOUND)]);
  return Number(FOUND.exec(stdout ?? '')?.[1]);
}

/** The parent and the child that waits for its order. */
async function pairOf(keeper: number): Promise<readonly number[]> {
  await vi.waitUntil(() => childrenOf(keeper).length === 2, PATIENCE);
  return childrenOf(keeper);
}

/** A number of four bytes may stand there by chance, as a size or half of an address: then another cell has others. */
const CELLS = 12;

describe('the memory of a forked guest', () => {
  it('holds no process id of its keeper, its parent or itself', async () => {
    const held = new Set(['keeper', 'parent', 'itself']);
    for (let id = 0; id < CELLS && held.size > 0; id++) {
      const others = new Set(childrenOf(process.pid));
      const cell = await Cell.start({ id, cpu: null, node: null, rpython: null, profile: [] });
      const search = async (of: string, number: number) => {
        if (held.has(of) && (await timesFound(cell, number)) === 0) held.delete(of);
      };
      try {
        const keeper = childrenOf(process.pid).find((pid) => !others.has(pid)) ?? 0;
        await runSource(cell, 'pass');
        const before = await pairOf(keeper);
        await runSource(cell, 'pass');
        const parent = (await pairOf(keeper)).find((pid) => before.includes(pid)) ?? 0;
        await search('keeper', keeper);
        await search('parent', parent);
        await search('itself', (await pairOf(keeper)).find((pid) => pid !== parent) ?? 0);
      } finally {
        await cell.close();
      }
    }
    expect([...held]).toEqual([]);
  });
});
