import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { REFUSED_MEMORY_MESSAGE } from '@sandpiper/contracts';
import { Cell, DEFAULT_PROFILE } from '@sandpiper/controller';
import { cgroupFolder, type CgroupFolder } from '@sandpiper/guest';
import { childrenOf } from '@sandpiper/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { PATIENCE, runSource } from './local.js';

const MIB = 1024 * 1024;
const lent = cgroupFolder();
const NONE: CgroupFolder = { kind: 'none', why: 'the test wants none' };

/** The same suite for every mechanism that this host has. */
const mechanisms = [
  { name: 'no control groups', groups: NONE, enforcer: 'keeper-watch' },
  ...(lent.kind === 'none'
    ? []
    : [{ name: `cgroup ${lent.kind}`, groups: lent, enforcer: `cgroup-${lent.kind}` }]),
];
if (lent.kind === 'none') process.stderr.write(`limits: this host lends no control groups: ${lent.why}\n`);

const touch = (mebibytes: number) => `
import mmap
m = mmap.mmap(-1, ${mebibytes} << 20)
for i in range(0, len(m), 4096): m[i] = 1
print('touched')`;

/** Only keepers of this process: other tests have cells too. */
function groupsLeft(): string[] {
  if (lent.kind === 'none') return [];
  return readdirSync(lent.directory).filter((name) => {
    const keeper = /^sandpiper-(\d+)-\d+$/.exec(name)?.[1];
    return keeper !== undefined && parentOf(keeper) === process.pid;
  });
}

function parentOf(pid: string): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return null;
  }
}

const starts = mechanisms.flatMap((mechanism) => [
  { ...mechanism, start: 'cold', profile: null },
  { ...mechanism, start: 'forked', profile: DEFAULT_PROFILE },
]);

describe.each(starts)('memory, held by $name, $start', ({ groups, enforcer, start, profile }) => {
  let cell: Cell;
  let keeper: number | undefined;
  const limits = { memoryBytes: 64 * MIB };

  beforeAll(async () => {
    const others = new Set(childrenOf(process.pid));
    cell = await Cell.start({ id: 0, cpu: null, node: null, rpython: null, groups, profile });
    keeper = childrenOf(process.pid).find((pid) => !others.has(pid));
  });

  afterAll(async () => {
    await cell.close();
    expect(groupsLeft()).toEqual([]);
  });

  afterEach(() => {
    // One, for all the guests of the cell, their parent and the keeper.
    expect(groupsLeft().length).toBe(enforcer === 'keeper-watch' ? 0 : 1);
  });

  it.each([32, 60])('grants and reports %d of 64 MiB', async (size) => {
    const { status, stdout, usage, enforcement, ...result } = await runSource(cell, touch(size), { limits });
    expect([status, stdout, enforcement.memory]).toEqual(['ok', 'touched\n', enforcer]);
    expect(result.start).toBe(start);
    const slack = enforcer === 'keeper-watch' ? 0.1 * size + 4 : 0.05 * size + 2;
    expect(Math.abs(usage.peakMemoryBytes / MIB - size)).toBeLessThan(slack);
  });

  it.each([
    ['touched', touch(80)],
    ['in many small objects', 'keep = [[i] for i in range(10**8)]'],
    [
      'caught as MemoryError, again and again',
      'while True:\n  try: x = [bytearray(1 << 20) for _ in range(4096)]\n  except MemoryError: pass',
    ],
  ])('more is a memory-limit: %s', async (_, source) => {
    const { status, message } = await runSource(cell, source, { limits });
    expect([status, message]).toEqual(['memory-limit', 'the memory limit was reached']);
  });

  it.each([
    ['of the heap', 'bytearray(10**13)'],
    ['by a mapping', 'mmap.mmap(-1, 10**13, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)'],
    ['by a shared mapping, again and again', '[mmap.mmap(-1, 2**46) for _ in range(9)]'],
    [
      'by a file',
      "mmap.mmap(os.open('/tmp/a', os.O_CREAT | os.O_RDWR), os.truncate('/tmp/a', 2**43) or 2**43)",
    ],
  ])('a growth that is refused is an error, and the program may go on: %s', async (_, growth) => {
    const source = `import mmap, os\ntry: x = ${growth}\nexcept (MemoryError, OSError) as e: print("caught")`;
    const { status, stdout, usage } = await runSource(cell, source, { limits });
    expect([status, stdout]).toEqual(['ok', 'caught\n']);
    expect(usage.refusedGrowth).toBeGreaterThanOrEqual(2 ** 43);
    expect(usage.peakMemoryBytes).toBeLessThan(limits.memoryBytes);
  });

  it.each([
    ['with a traceback', 'x = bytearray(10**13)', 1],
    ['by a call of exit', 'try: x = bytearray(10**13)\nexcept MemoryError: raise SystemExit(7)', 7],
  ])('a program that fails after a refusal met its memory limit: %s', async (_, source, exitCode) => {
    const result = await runSource(cell, source, { limits });
    expect(result).toMatchObject({ status: 'memory-limit', exitCode, message: REFUSED_MEMORY_MESSAGE });
  });

  it('that is reserved and not touched is no reason to end a run', async () => {
    const source = 'import sys\nsys.setrecursionlimit(10**6)\nprint(6)';
    const { status, stdout, usage } = await runSource(cell, source, { limits });
    expect([status, stdout, usage.refusedGrowth]).toEqual(['ok', '6\n', undefined]);
  });

  it('is available again for the next run', async () => {
    expect((await runSource(cell, touch(80), { limits })).status).toBe('memory-limit');
    expect((await runSource(cell, touch(60), { limits })).status).toBe('ok');
  });

  // Where we may not raise the guests' badness, the kernel may choose either.
  if (start === 'forked' && process.getuid?.() === 0) {
    it('is never reclaimed from the parent', async () => {
      const parent = () => childrenOf(keeper ?? 0)[0];
      expect((await runSource(cell, 'print(1)', { limits })).start).toBe('forked');
      const first = parent();
      for (let i = 0; i < 5; i++)
        expect((await runSource(cell, touch(80), { limits })).status).toBe('memory-limit');
      expect((await runSource(cell, 'print(1)', { limits })).start).toBe('forked');
      expect(parent()).toBe(first);
    });
  }
});

describe.runIf(lent.kind !== 'none')('a control group', () => {
  it('does not outlive a keeper that is told to end', async () => {
    const cell = await Cell.start({ id: 0, cpu: null, node: null, rpython: null });
    const running = runSource(cell, 'while True: pass').catch((error: unknown) => error);
    await untilGroup();
    await cell.close();
    await running;
    expect(groupsLeft()).toEqual([]);
  });

  it('of a killed keeper is removed by the next keeper', async () => {
    const cell = await Cell.start({ id: 0, cpu: null, node: null, rpython: null });
    const running = runSource(cell, 'while True: pass').catch((error: unknown) => error);
    const [name = ''] = await untilGroup();
    process.kill(Number(/^sandpiper-(\d+)-/.exec(name)?.[1]), 'SIGKILL');
    await running;
    await cell.close();
    const next = await Cell.start({ id: 0, cpu: null, node: null, rpython: null });
    await next.close();
    expect(existsSync(`${directory()}/${name}`)).toBe(false);
  });

  it('that disappears ends the attempt, and no run continues without it', async () => {
    const cell = await Cell.start({ id: 0, cpu: null, node: null, rpython: null });
    let begun = () => {};
    const hasBegun = new Promise<void>((resolve) => (begun = resolve));
    const streams = { onOutput: () => begun(), onInput: () => Promise.resolve(null) };
    const running = runSource(cell, 'print("begun", flush=True)\nwhile True: pass', {}, streams).catch(
      (error: unknown) => error,
    );
    await hasBegun;
    const [name = ''] = groupsLeft();
    const elsewhere = `${directory()}/elsewhere-${process.pid}`;
    mkdirSync(elsewhere);
    for (const pid of pids(name)) writeFileSync(`${elsewhere}/cgroup.procs`, pid);
    rmdirSync(`${directory()}/${name}`);
    expect(String(await running)).toContain('the control group of the guest has gone');
    expect(await runSource(cell, 'print(1)')).toMatchObject({ status: 'ok', message: null });
    rmdirSync(elsewhere); // the keeper has made another group, and is there
    await cell.close();
  });

  it('is required by a run that accepts no weaker limits, which is refused without one', async () => {
    const cell = await Cell.start({ id: 0, cpu: null, node: null, rpython: null, groups: NONE });
    const refused = runSource(cell, 'print(1)', { accept: { weakerLimits: false } });
    await expect(refused).rejects.toThrow(
      'no control group enforces the memory limit on this node: the test wants none',
    );
    const more = { limits: { memoryBytes: Number.MAX_SAFE_INTEGER } };
    await expect(runSource(cell, 'print(1)', more)).rejects.toThrow(
      'cannot be enforced: a cell of this node has',
    );
    expect((await runSource(cell, 'print(1)')).status).toBe('ok');
    await cell.close();
  });

  it('without free process ids for a fork fails the attempt', async () => {
    const others = new Set(childrenOf(process.pid));
    const cell = await Cell.start({ id: 0, cpu: null, node: null, rpython: null });
    const [keeper = 0] = childrenOf(process.pid).filter((pid) => !others.has(pid));
    const back = lent.kind === 'v1' ? pidsGroupOf(keeper) : groupOf(keeper);
    const crowded = `${lent.kind === 'v1' ? back : directory()}/crowded-${process.pid}`;
    mkdirSync(crowded);
    writeFileSync(`${crowded}/pids.max`, '1');
    writeFileSync(`${crowded}/cgroup.procs`, String(keeper));
    await expect(runSource(cell, 'print(1)')).rejects.toThrow('fork: Resource temporarily unavailable');
    writeFileSync(`${back}/cgroup.procs`, String(keeper));
    rmdirSync(crowded);
    expect((await runSource(cell, 'print(1)')).status).toBe('ok');
    await cell.close();
  });

  it('that cannot be created keeps a cell from starting', async () => {
    const groups: CgroupFolder = { kind: 'v1', directory: '/proc' };
    await expect(Cell.start({ id: 0, cpu: null, node: null, rpython: null, groups })).rejects.toThrow(
      'v1:/proc',
    );
  });
});

/** Waits until a guest is in its group. */
function untilGroup(): Promise<string[]> {
  return vi.waitUntil(() => {
    const names = groupsLeft();
    return names[0] !== undefined && pids(names[0]).length > 0 ? names : null;
  }, PATIENCE);
}

function directory(): string {
  if (lent.kind === 'none') throw new Error('there are no control groups');
  return lent.directory;
}

/** The group of that hierarchy that a process is in. */
function pidsGroupOf(pid: number): string {
  return `/sys/fs/cgroup/pids${groupIn(pid, /^\d+:pids:(.*)$/m)}`;
}

function groupOf(pid: number): string {
  return `/sys/fs/cgroup${groupIn(pid, /^0::(.*)$/m)}`;
}

function groupIn(pid: number, form: RegExp): string {
  return form.exec(readFileSync(`/proc/${pid}/cgroup`, 'latin1'))?.[1] ?? '';
}

function pids(name: string): string[] {
  return readFileSync(`${directory()}/${name}/cgroup.procs`, 'latin1').split('\n').filter(Boolean);
}
