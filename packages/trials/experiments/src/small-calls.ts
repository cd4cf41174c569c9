import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Cell } from '@sandpiper/controller';
import { jobOf } from './bench.js';
import { type Figure, ms, type SpeedBench } from './speed.js';
import { median } from './statistics.js';

const PROGRAMS = fileURLToPath(new URL('../programs/small-calls', import.meta.url));

/** Programs that make many small calls: the name, how often, and how many times the CPU of bare is allowed. */
const MEASURES = [
  ['logging_records', 'logging, 30 records in a round', 3000, 1.5],
  ['pathlib_tree', 'pathlib, a folder of 400 files', 30, 1.6],
  ['bytewise_io', 'a file written and read byte by byte', 200_000, 1.5],
  ['flushed_lines', 'print(i, flush=True)', 100_000, 3],
  ['urandom', 'os.urandom(8)', 100_000, 2],
  ['getpid', 'os.getpid()', 1_000_000, 2],
] as const;

/** Its own CPU time goes to the standard error, from its first line to its last. */
const timed = (source: string, count: number): string =>
  `import time as _time\n_begin = _time.process_time()\nCOUNT = ${count}\n${source}
import sys as _sys\n_sys.stderr.write(str(_time.process_time() - _begin))\n`;

/** CPU of guest and controller together against the CPU of bare pypy3, in turn with it, both on one CPU. */
export async function smallCalls(bench: SpeedBench): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const [name, measure, count, most] of MEASURES) {
    const source = timed(readFileSync(join(PROGRAMS, `${name}.py`), 'utf8'), count);
    const runs = new Map<string, Cost[]>([
      ['forked', []],
      ['cold', []],
    ]);
    const plain: number[] = [];
    for (let round = 0; round < bench.rounds; round++) {
      plain.push(bareMs(bench, name, source));
      runs.get('forked')?.push(await costOf(bench.forked, name, source));
      runs.get('cold')?.push(await costOf(bench.cold, name, source));
    }
    const reference = median(plain);
    for (const [how, costs] of runs) {
      const [guest, controller] = [median(costs.map((c) => c.guest)), median(costs.map((c) => c.controller))];
      const ratio = median(costs.map((c) => c.guest + c.controller)) / reference;
      figures.push({
        measure: `${measure}, ${how}`,
        ours: `guest ${ms(guest)}, controller ${ms(controller)}`,
        reference: `bare ${ms(reference)}`,
        ratio,
        required: `at most ${most} times`,
        met: ratio <= most,
      });
    }
  }
  return figures;
}

/** Milliseconds of CPU. */
interface Cost {
  readonly guest: number;
  readonly controller: number;
}

async function costOf(cell: Cell, name: string, source: string): Promise<Cost> {
  const { status, usage, stderr } = await cell.runJob(
    jobOf('small-calls', source, { cpuMs: 120_000, wallMs: 120_000, controllerCpuMs: 120_000 }),
  );
  if (status !== 'ok') throw new Error(`${name}: ${status}`);
  return { guest: 1000 * Number(stderr), controller: usage.controllerCpuMs };
}

/** Its output goes to a file, as that of the sandbox goes to memory. */
function bareMs(bench: SpeedBench, name: string, source: string): number {
  const program = join(bench.folder, `${name}.py`);
  writeFileSync(program, source);
  const output = openSync(join(bench.folder, 'output'), 'w');
  try {
    const { status, stderr } = spawnSync('taskset', ['-c', String(bench.cpu), 'pypy3', program], {
      stdio: ['ignore', output, 'pipe'],
    });
    if (status !== 0) throw new Error(`the reference failed: ${name}`);
    return 1000 * Number(stderr.toString());
  } finally {
    closeSync(output);
  }
}
