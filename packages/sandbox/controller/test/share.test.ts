import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { memoryWarnings, shareChecks } from '../src/main/share/checks.js';
import { cellsFor, cpuShare } from '../src/main/share/cpus.js';
import { idleTicks, quietestCpu } from '../src/main/share/idle-cpus.js';
import { groupChain } from '../src/crossing/groups.js';
import { largestMemoryLimit, memoryShare } from '../src/main/share/memory.js';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** The files of a host, below a folder of its own. */
function host(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'sandpiper-host-'));
  folders.push(folder);
  const usual = {
    'proc/self/status': 'Name:\tnode\nCpus_allowed_list:\t0-3\n',
    'proc/meminfo': 'MemTotal:       16777216 kB\n',
    'sys/devices/system/cpu/online': '0-3\n',
  };
  for (const [path, text] of Object.entries({ ...usual, ...files })) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

/** Version 2, as a container of its own cgroup name space sees it: what is mounted is its own group. */
const POD_V2 = {
  'proc/self/cgroup': '0::/\n',
  'proc/self/mountinfo': '31 23 0:28 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup rw\n',
  'sys/fs/cgroup/cgroup.controllers': 'cpuset cpu memory pids\n',
};

/**
 * Version 1, in a container without a cgroup name space: its path is the host's, and what is mounted is its
 * own group.
 */
const POD_V1 = {
  'proc/self/cgroup': '5:memory:/kubepods/pod7/c1\n4:cpu,cpuacct:/kubepods/pod7/c1\n1:name=systemd:/x\n',
  'proc/self/mountinfo':
    '32 31 0:29 /kubepods/pod7/c1 /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n' +
    '33 31 0:30 /kubepods/pod7/c1 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n',
};

describe('the CPUs of a node', () => {
  it('has a cell for each CPU where nothing bounds it', () => {
    const share = cpuShare(host({}));
    expect(share).toEqual({ allowed: [0, 1, 2, 3], quota: null, exclusive: false });
    expect(cellsFor(share)).toBe(4);
  });

  it.each([
    ['150000 100000', 1.5, 2],
    ['200000 100000', 2, 2],
    ['5000 100000', 0.05, 1],
    ['6400000 100000', 64, 4],
    ['max 100000', null, 4],
  ])('counts the quota `%s` of version 2', (max, quota, cells) => {
    const share = cpuShare(host({ ...POD_V2, 'sys/fs/cgroup/cpu.max': `${max}\n` }));
    expect(share.quota).toBe(quota);
    expect(cellsFor(share)).toBe(cells);
  });

  it.each([
    ['150000', 1.5, 2],
    ['-1', null, 4],
  ])('counts the quota `%s` of version 1', (us, quota, cells) => {
    const folder = 'sys/fs/cgroup/cpu,cpuacct';
    const files = { [`${folder}/cpu.cfs_quota_us`]: `${us}\n`, [`${folder}/cpu.cfs_period_us`]: '100000\n' };
    const share = cpuShare(host({ ...POD_V1, ...files }));
    expect(share.quota).toBe(quota);
    expect(cellsFor(share)).toBe(cells);
  });

  it('takes the lowest quota of all parent groups', () => {
    const share = cpuShare(
      host({
        ...POD_V2,
        'proc/self/cgroup': '0::/pod/node\n',
        'sys/fs/cgroup/pod/cpu.max': '100000 100000\n',
        'sys/fs/cgroup/pod/node/cpu.max': '300000 100000\n',
      }),
    );
    expect(share.quota).toBe(1);
  });

  it('counts CPUs that the kernel does not name, and pins nothing to them', () => {
    const unnamed = host({
      'proc/self/status': 'Name:\tnode\nThreads:\t1\n',
      'sys/devices/system/cpu/online': '0-999\n',
    });
    const { allowed, exclusive } = cpuShare(unnamed);
    expect(allowed).toEqual(Array.from({ length: availableParallelism() }, (_, cpu) => cpu));
    expect(exclusive).toBe(false);
    expect(shareChecks(unnamed).find(({ name }) => name === 'CPUs')?.detail).toContain('no cell is pinned');
  });

  it.each([
    ['fewer CPUs and no quota', '2-3', undefined, true],
    ['fewer CPUs and a quota for as many: a static CPU manager', '2-3', '200000 100000', true],
    ['fewer CPUs and a quota below that: what others leave', '0-2', '100000 100000', false],
    ['all CPUs', '0-3', undefined, false],
  ])('tells whether they are exclusive: %s', (_, allowed, max, exclusive) => {
    const share = cpuShare(
      host({
        ...POD_V2,
        'proc/self/status': `Cpus_allowed_list:\t${allowed}\n`,
        ...(max === undefined ? {} : { 'sys/fs/cgroup/cpu.max': `${max}\n` }),
      }),
    );
    expect(share.exclusive).toBe(exclusive);
  });

  it('assumes shared CPUs where the host does not say how many it has', () => {
    const folder = host({ 'proc/self/status': 'Cpus_allowed_list:\t1\n' });
    rmSync(join(folder, 'sys'), { recursive: true });
    expect(cpuShare(folder).exclusive).toBe(false);
  });
});

describe('the memory of a node', () => {
  it('is the lowest limit of all parent groups of version 2', () => {
    const share = memoryShare(
      host({
        ...POD_V2,
        'proc/self/cgroup': '0::/pod/node\n',
        'sys/fs/cgroup/pod/memory.max': `${2 * GIB}\n`,
        'sys/fs/cgroup/pod/node/memory.max': 'max\n',
      }),
    );
    expect(share.bytes).toBe(2 * GIB);
    expect(share.boundBy).toMatch(/\/sys\/fs\/cgroup\/pod$/);
  });

  it('is the limit of version 1, or the memory of the host', () => {
    const limited = { ...POD_V1, 'sys/fs/cgroup/memory/memory.limit_in_bytes': `${GIB}\n` };
    expect(memoryShare(host(limited)).bytes).toBe(GIB);
    const unlimited = { ...POD_V1, 'sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n' };
    expect(memoryShare(host(unlimited))).toEqual({ bytes: 16 * GIB, boundBy: null, endsAsWhole: null });
  });

  it('leaves each cell its share of what the node does not need itself', () => {
    expect(largestMemoryLimit(4 * GIB, 1)).toBe(4 * GIB - (128 + 64) * MIB);
    expect(largestMemoryLimit(4 * GIB, 4)).toBe((4 * GIB - 128 * MIB) / 4 - 64 * MIB);
    expect(largestMemoryLimit(100 * MIB, 2)).toBe(0);
  });

  it('notices a group that is killed as a whole, and gives advice', () => {
    const folder = host({
      ...POD_V2,
      'sys/fs/cgroup/memory.max': `${8 * GIB}\n`,
      'sys/fs/cgroup/memory.oom.group': '1\n',
    });
    expect(memoryShare(folder).endsAsWhole).toMatch(/\/sys\/fs\/cgroup$/);
    const [warning, ...others] = memoryWarnings(8 * GIB, 2, folder);
    expect(warning).toMatch(/memory\.oom\.group.*singleProcessOOMKill/);
    expect(others).toEqual([]);
    const check = shareChecks(folder).find(({ name }) => name === 'memory.oom.group');
    expect(check).toMatchObject({ ok: false, required: false });
    expect(check?.fix).toContain('singleProcessOOMKill');
  });

  it('warns of a node that refuses the default limit', () => {
    expect(memoryWarnings(512 * MIB, 2, host(POD_V2)).join()).toMatch(/up to 128 MiB, less than the default/);
    expect(memoryWarnings(8 * GIB, 2, host({ ...POD_V2, 'sys/fs/cgroup/memory.oom.group': '0\n' }))).toEqual(
      [],
    );
  });
});

describe('groups', () => {
  it('goes up from its own to the one that is mounted', () => {
    const folder = host({
      ...POD_V2,
      'proc/self/cgroup': '0::/a/b\n',
      'sys/fs/cgroup/a/b/memory.max': 'max\n',
    });
    expect(groupChain('memory', folder)?.directories).toEqual(
      ['sys/fs/cgroup/a/b', 'sys/fs/cgroup/a', 'sys/fs/cgroup'].map((path) => join(folder, path)),
    );
  });

  it('takes what is mounted for its own where its path leads outside', () => {
    const folder = host({ ...POD_V2, 'proc/self/cgroup': '0::/../../other\n' });
    expect(groupChain('memory', folder)?.directories).toEqual([join(folder, 'sys/fs/cgroup')]);
  });

  it('has none where none is mounted', () => {
    expect(groupChain('cpu', host({ 'proc/self/cgroup': '0::/\n', 'proc/self/mountinfo': '' }))).toBeNull();
    expect(groupChain('cpu', host({}))).toBeNull();
  });

  /** Real groups of version 1, where this host lets us make them. */
  const parents = (['cpu', 'memory'] as const).map((controller) => {
    const chain = process.getuid?.() === 0 ? groupChain(controller) : null;
    return chain?.version === 1 ? chain.directories[0] : undefined;
  });
  const [cpuParent, memoryParent] = parents;
  const real = cpuParent !== undefined && memoryParent !== undefined;
  if (!real) process.stderr.write('skipped: no control groups of version 1 to make groups in\n');

  it.skipIf(!real)('reads those of a process that is in them', () => {
    const name = `sandpiper-share-${process.pid}`;
    const made = [join(cpuParent ?? '', name), join(memoryParent ?? '', name)];
    const inner = made.map((folder) => join(folder, 'inner'));
    try {
      for (const folder of [...made, ...inner]) mkdirSync(folder);
      writeFileSync(join(made[0] ?? '', 'cpu.cfs_quota_us'), '130000');
      writeFileSync(join(made[1] ?? '', 'memory.limit_in_bytes'), String(700 * MIB));
      const modules = ['cpus', 'memory'].map(
        (file) => new URL(`../dist/main/share/${file}.js`, import.meta.url).href,
      );
      const script = `const { cpuShare, cellsFor } = await import('${modules[0]}');
        const { memoryShare } = await import('${modules[1]}');
        const share = cpuShare();
        console.log(JSON.stringify([share.quota, cellsFor(share), memoryShare().bytes]));`;
      const enter = inner.map((folder) => `echo $$ > ${folder}/cgroup.procs;`).join(' ');
      const command = `${enter} exec "$0" --input-type=module -e "$1"`;
      const said = execFileSync('sh', ['-c', command, process.execPath, script], { encoding: 'utf8' });
      const allowed = cpuShare().allowed.length;
      expect(JSON.parse(said)).toEqual([1.3, Math.min(2, allowed), 700 * MIB]);
    } finally {
      for (const folder of [...inner, ...made]) rmdirSync(folder);
    }
  });
});

describe('the CPU that was idle longest', () => {
  const stat = (...idle: number[]): string =>
    ['cpu  9 9 9 9 9 0', ...idle.map((ticks, cpu) => `cpu${cpu} 5 0 7 ${ticks} 10 0 0 0 0 0`)].join('\n');

  it('is one that this process may use', () => {
    const before = idleTicks(host({ 'proc/stat': stat(100, 100, 100, 100, 100) }));
    expect(before.get(1)).toBe(110);
    const after = host({ 'proc/stat': stat(110, 105, 190, 120, 900) });
    expect(quietestCpu(before, after)).toBe(2);
  });

  it('is unknown where the kernel does not tell', () => {
    expect(quietestCpu(idleTicks(host({})), host({}))).toBeNull();
  });
});
