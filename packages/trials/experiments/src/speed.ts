import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { textOf } from '@sandpiper/contracts';
import { Cell, DEFAULT_PROFILE } from '@sandpiper/controller';
import { jobOf } from './bench.js';
import { median, percentile } from './statistics.js';

const PROGRAMS = fileURLToPath(new URL('../programs', import.meta.url));
const PING_PONG = fileURLToPath(new URL('../native/ping_pong.c', import.meta.url));
const MIB = 1024 * 1024;

/** One line of the table; ratios compare the measured value with its reference in the same run. */
export interface Figure {
  readonly measure: string;
  readonly ours: string;
  readonly reference: string;
  readonly ratio: number | null;
  readonly required: string;
  readonly met: boolean | null;
}

export interface SpeedBench {
  readonly cpu: number;
  readonly forked: Cell;
  readonly cold: Cell;
  readonly folder: string;
  readonly rounds: number;
}

export async function withSpeedBench<T>(
  cpu: number,
  rounds: number,
  work: (bench: SpeedBench) => Promise<T>,
) {
  const folder = mkdtempSync(join(tmpdir(), 'sandpiper-bench-'));
  const place = { id: 0, cpu, node: null, rpython: null };
  const forked = await Cell.start({ ...place, profile: DEFAULT_PROFILE });
  const cold = await Cell.start(place);
  try {
    return await work({ cpu, forked, cold, folder, rounds });
  } finally {
    await forked.close();
    await cold.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

export const HELLO = 'print(6 * 7)\n';
const SUM = 'import sys\nprint(sum(map(int, sys.stdin)))\n';
const IMPORTS = `import json, re, collections, heapq, itertools, functools, math, random, datetime, string, bisect
import statistics, fractions, typing, dataclasses
print(len(json.dumps(collections.Counter("hello"))))
`;

async function once(cell: Cell, source: string, stdin = new Uint8Array()): Promise<number> {
  const job = { ...jobOf('bench', source), stdin: { kind: 'buffer', data: stdin } as const };
  const begun = performance.now();
  const { status, message } = await cell.runJob(job);
  if (status !== 'ok') throw new Error(`a program of the benchmark ended as ${status}: ${message}`);
  return performance.now() - begun;
}

/**
 * Milliseconds of one process, several in a row from one shell: excludes Node's own cost of starting them.
 */
export function bare(bench: Pick<SpeedBench, 'cpu'>, command: string, stdin: string): number {
  const times = 5;
  const loop = `i=0; while [ $i -lt ${times} ]; do ${command} <${stdin} >/dev/null || exit 1; i=$((i+1)); done`;
  const begun = performance.now();
  const { status } = spawnSync('taskset', ['-c', String(bench.cpu), 'sh', '-c', loop]);
  if (status !== 0) throw new Error(`the reference failed: ${command}`);
  return (performance.now() - begun) / times;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Whole runs, from the job in hand to its result, with pauses; then one after the other. */
export async function latency(bench: SpeedBench): Promise<Figure[]> {
  const figures: Figure[] = [];
  const numbers = join(bench.folder, 'numbers');
  writeFileSync(numbers, Array.from({ length: 1_300_000 }, (_, i) => String(i)).join('\n'));
  const bwrap = bubblewrap();
  // A controller that has run for a while, like a node's: its code is compiled.
  for (let i = 0; i < 30; i++) for (const cell of [bench.forked, bench.cold]) await once(cell, HELLO);
  for (const [name, source, stdin, count] of [
    ['hello', HELLO, '/dev/null', 10],
    ['15 imports', IMPORTS, '/dev/null', 5],
    ['sum of 10 MB of stdin', SUM, numbers, 1],
  ] as const) {
    const program = join(bench.folder, 'program.py');
    writeFileSync(program, source);
    const data = stdin === '/dev/null' ? new Uint8Array() : readFileSync(stdin);
    const [forked, cold, plain, wrapped]: number[][] = [[], [], [], []];
    for (let round = 0; round < bench.rounds; round++) {
      for (let i = 0; i < count; i++) {
        await pause(10); // the next child is forked meanwhile, as on an idle node
        forked?.push(await once(bench.forked, source, data));
      }
      for (let i = 0; i < Math.min(count, 5); i++) cold?.push(await once(bench.cold, source, data));
      plain?.push(bare(bench, `pypy3 ${program}`, stdin));
      if (bwrap !== null) wrapped?.push(bare(bench, `${bwrap} pypy3 ${program}`, stdin));
    }
    const reference = median(plain ?? []);
    const told = `bare pypy3 ${ms(reference)}${bwrap === null ? '' : `, under bubblewrap ${ms(median(wrapped ?? []))}`}`;
    const line = (how: string, values: number[] = [], required: string, met: boolean | null): Figure => ({
      measure: `${name}, ${how}`,
      ours: `median ${ms(median(values))}, p99 ${ms(percentile(values, 99))}`,
      reference: told,
      ratio: median(values) / reference,
      required,
      met,
    });
    const hello = name === 'hello';
    const forkedMet = median(forked ?? []) <= 3 && percentile(forked ?? [], 99) <= 8;
    figures.push(
      line('forked', forked, hello ? 'median 3 ms, p99 8 ms' : '', hello ? forkedMet : null),
      line(
        'cold',
        cold,
        hello ? 'at most 1.6 times' : '',
        hello ? median(cold ?? []) <= 1.6 * reference : null,
      ),
    );
  }
  return figures;
}

export async function throughput(bench: SpeedBench): Promise<Figure> {
  const program = join(bench.folder, 'hello.py');
  writeFileSync(program, HELLO);
  const [ours, plain]: [number[], number[]] = [[], []];
  for (let round = 0; round < bench.rounds; round++) {
    const runs = 40;
    const begun = performance.now();
    for (let i = 0; i < runs; i++) await once(bench.forked, HELLO);
    ours.push((1000 * runs) / (performance.now() - begun));
    plain.push(1000 / bare(bench, `pypy3 ${program}`, '/dev/null'));
  }
  const ratio = median(ours) / median(plain);
  return {
    measure: 'hello, runs/s on one CPU',
    ours: `${median(ours).toFixed(0)}/s`,
    reference: `bare pypy3 ${median(plain).toFixed(0)}/s`,
    ratio,
    required: 'at least 10 times',
    met: ratio >= 10,
  };
}

function bubblewrap(): string | null {
  const command = 'bwrap --ro-bind / / --dev /dev --proc /proc --unshare-all';
  return spawnSync('sh', ['-c', `${command} true`]).status === 0 ? command : null;
}

const CALLS = `
import os, time
def per(count, work):
    best = None
    for _ in range(5):
        begun = time.perf_counter()
        for _ in range(count): work()
        took = (time.perf_counter() - begun) / count * 1e9
        best = took if best is None else min(best, took)
    return best
open('file', 'wb').write(bytes(1 << 20))
fd = os.open('file', os.O_RDONLY)
print(per(2000, lambda: os.stat('file')), per(2000, lambda: os.pread(fd, 4096, 0)), per(50, lambda: os.pread(fd, 1 << 20, 0)))
block = bytes(1 << 20)
begun = time.perf_counter()
with open('big', 'wb', buffering=0) as f:
    for _ in range(64): f.write(block)
written = time.perf_counter()
with open('big', 'rb', buffering=0) as f:
    while f.read(1 << 20): pass
print(time.perf_counter() - begun, written - begun)
`;

export async function calls(bench: SpeedBench): Promise<Figure[]> {
  const pingPong = join(bench.folder, 'ping-pong');
  execFileSync('cc', ['-O2', '-o', pingPong, PING_PONG]);
  const floors: number[] = [];
  const found: number[][] = [];
  for (let round = 0; round < bench.rounds; round++) {
    floors.push(Number(execFileSync('taskset', ['-c', String(bench.cpu), pingPong, '20000'])));
    const result = await bench.cold.runJob(
      jobOf('calls', CALLS, { cpuMs: 60_000, wallMs: 60_000, diskBytes: 256 * MIB }),
    );
    if (result.status !== 'ok')
      throw new Error(`${result.status}: ${result.message} ${textOf(result, 'stderr')}`);
    found.push(textOf(result, 'stdout').split(/\s/).map(Number));
  }
  const floor = median(floors);
  const reference = `ping-pong ${(floor / 1000).toFixed(1)} us`;
  const at = (index: number) => median(found.map((row) => row[index] ?? Number.NaN));
  const call = (measure: string, index: number, roundTrips: number, most: number | null): Figure => ({
    measure,
    ours: `${(at(index) / 1000).toFixed(1)} us`,
    reference,
    ratio: at(index) / (floor * roundTrips),
    required: most === null ? '' : `at most ${most} times the floor of its ${roundTrips} round trips`,
    met: most === null ? null : at(index) <= most * floor * roundTrips,
  });
  const speed = (2 * 64) / at(3);
  return [
    call('os.stat', 0, 1, 4), // the path goes out with the request
    call('os.pread of 4 KiB', 1, 1, null),
    call('os.pread of 1 MiB', 2, 1, null),
    {
      measure: '64 MiB written to a virtual file and read back',
      ours: `${speed.toFixed(0)} MiB/s (written ${(64 / at(4)).toFixed(0)})`,
      reference: '',
      ratio: null,
      required: 'at least 500 MB/s',
      met: (speed * MIB) / 1e6 >= 500,
    },
  ];
}

export async function computing(bench: SpeedBench): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const name of readdirSync(PROGRAMS).filter((each) => each.endsWith('.py'))) {
    const source = `${readFileSync(join(PROGRAMS, name), 'utf8')}\nimport time; print(time.process_time())\n`;
    const program = join(bench.folder, name);
    writeFileSync(program, source);
    const [ours, plain]: [number[], number[]] = [[], []];
    for (let round = 0; round < bench.rounds; round++) {
      const { usage, status } = await bench.cold.runJob(
        jobOf('computing', source, { cpuMs: 60_000, wallMs: 60_000 }),
      );
      if (status !== 'ok') throw new Error(`${name}: ${status}`);
      ours.push(usage.cpuMs + usage.startupCpuMs);
      plain.push(
        1000 * Number(execFileSync('taskset', ['-c', String(bench.cpu), 'pypy3', program]).toString()),
      );
    }
    const ratio = median(ours) / median(plain);
    figures.push({
      measure: `CPU time of ${name.replace('.py', '')}`,
      ours: ms(median(ours)),
      reference: `bare ${ms(median(plain))}`,
      ratio,
      required: 'at most 1.03 times',
      met: ratio <= 1.03,
    });
  }
  return figures;
}

/** Private memory of a parent and of a waiting child (smaps_rollup of proc(5)). */
export function memory(): Figure[] {
  const figures: Figure[] = [];
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && isOurs(Number(name)));
  const sizes = pids.flatMap((pid) => {
    const path = `/proc/${pid}/smaps_rollup`;
    if (!existsSync(path)) return [];
    const text = readFileSync(path, 'latin1');
    const field = (name: string) =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) / 1024;
    return [{ own: field('Private_Dirty'), pss: field('Pss') }];
  });
  sizes.sort((a, b) => b.pss - a.pss);
  for (const [index, what] of ['parked parent', 'child that waits for its run'].entries()) {
    const size = sizes[index];
    if (size === undefined) continue;
    figures.push({
      measure: `memory of a ${what}`,
      ours: `${size.own.toFixed(1)} MiB of its own, ${size.pss.toFixed(1)} MiB with its share`,
      reference: '',
      ratio: null,
      required: '',
      met: null,
    });
  }
  return figures;
}

function isOurs(pid: number): boolean {
  try {
    const parentOf = (of: number) =>
      Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${of}/status`, 'latin1'))?.[1]);
    const name = readFileSync(`/proc/${pid}/comm`, 'latin1').trim();
    return name === 'pypy3' && parentOf(parentOf(pid)) === process.pid;
  } catch {
    return false; // ended meanwhile
  }
}

export function ms(value: number): string {
  return `${value.toFixed(value < 100 ? 2 : 0)} ms`;
}
