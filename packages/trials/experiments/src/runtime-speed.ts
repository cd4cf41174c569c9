import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Cell, DEFAULT_PROFILE, type Runtime } from '@sandpiper/controller';
import { assertRuntime, runtimeOfPath, withLibraries } from '@sandpiper/controller/runtimes';
import { jobOf } from './bench.js';
import { bare, type Figure, HELLO, ms } from './speed.js';
import { median, percentile } from './statistics.js';

const NUMPY = 'import numpy; print(numpy.arange(3).sum())\n';
const PROGRAMS = fileURLToPath(new URL('../programs', import.meta.url));

export interface RuntimeBench {
  readonly cpu: number;
  readonly folder: string;
  readonly rounds: number;
  /** Path of the interpreter, and folders of modules. */
  readonly interpreter: string;
  readonly libraries: readonly string[];
}

/** Figures of another interpreter than Debian's pypy3, each against that interpreter bare, in turn. */
export async function* runtimeSpeed(bench: RuntimeBench): AsyncGenerator<Figure> {
  const plain = withLibraries(runtimeOfPath(bench.interpreter), bench.libraries);
  assertRuntime(plain);
  yield* await inCell(bench, { ...plain, profile: null }, 'hello', HELLO, {
    medianMs: 3,
    ratio: null,
    times: 4,
  });
  if (hasNumpy(bench)) {
    const runtime = { ...plain, profile: ['numpy'] };
    yield* await inCell(bench, runtime, 'import of NumPy', NUMPY, { medianMs: 8, ratio: 0.1, times: null });
  }
  yield* computing(bench, plain);
}

function hasNumpy({ interpreter }: RuntimeBench): boolean {
  try {
    execFileSync(interpreter, ['-c', 'import numpy'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

interface Demands {
  readonly medianMs: number;
  /** The median as a part of bare's. */
  readonly ratio: number | null;
  /** Runs a second in times of bare's. */
  readonly times: number | null;
}

async function inCell(
  bench: RuntimeBench,
  runtime: Runtime,
  name: string,
  source: string,
  demands: Demands,
): Promise<Figure[]> {
  const place = { id: 0, cpu: bench.cpu, node: null, rpython: null, runtimes: [runtime] };
  const cell = await Cell.start({ ...place, profile: DEFAULT_PROFILE });
  const program = join(bench.folder, 'program.py');
  writeFileSync(program, source);
  const once = async (): Promise<number> => {
    const begun = performance.now();
    const job = { ...jobOf('bench', source), interpreter: { engine: 'seccomp', runtime } as const };
    const { status, message, start } = await cell.runJob(job);
    if (status !== 'ok' || start !== 'forked') throw new Error(`${name}: ${status}, ${start}: ${message}`);
    return performance.now() - begun;
  };
  try {
    for (let i = 0; i < 30; i++) await once();
    const [forked, rate, plain, plainRate]: number[][] = [[], [], [], []];
    for (let round = 0; round < bench.rounds; round++) {
      for (let i = 0; i < 10; i++) {
        await new Promise((resolve) => setTimeout(resolve, 10)); // the next child is forked meanwhile
        forked?.push(await once());
      }
      const begun = performance.now();
      for (let i = 0; i < 20; i++) await once();
      rate?.push(20_000 / (performance.now() - begun));
      const took = bare(bench, `${bench.interpreter} -I ${program}`, '/dev/null');
      plain?.push(took);
      plainRate?.push(1000 / took);
    }
    const [ours, reference] = [median(forked ?? []), median(plain ?? [])];
    const times = median(rate ?? []) / median(plainRate ?? []);
    const { medianMs, ratio } = demands;
    return [
      {
        measure: `${name}, forked`,
        ours: `median ${ms(ours)}, p99 ${ms(percentile(forked ?? [], 99))}`,
        reference: `bare ${ms(reference)}`,
        ratio: ours / reference,
        required: `median ${medianMs} ms${ratio === null ? '' : ` and ${ratio} of bare`}`,
        met: ours <= medianMs && (ratio === null || ours <= ratio * reference),
      },
      {
        measure: `${name}, runs/s on one CPU`,
        ours: `${median(rate ?? []).toFixed(0)}/s`,
        reference: `bare ${median(plainRate ?? []).toFixed(0)}/s`,
        ratio: times,
        required: demands.times === null ? '' : `at least ${demands.times} times`,
        met: demands.times === null ? null : times >= demands.times,
      },
    ];
  } finally {
    await cell.close();
  }
}

/** The programs are made for a compiler while they run: each takes a CPython up to a minute. */
async function* computing(bench: RuntimeBench, runtime: Runtime): AsyncGenerator<Figure> {
  const cell = await Cell.start({ id: 0, cpu: bench.cpu, node: null, rpython: null, runtimes: [runtime] });
  const rounds = Math.ceil(bench.rounds / 5);
  try {
    for (const name of readdirSync(PROGRAMS).filter((each) => each.endsWith('.py'))) {
      const source = `${readFileSync(join(PROGRAMS, name), 'utf8')}\nimport time; print(time.process_time())\n`;
      const program = join(bench.folder, name);
      writeFileSync(program, source);
      const [ours, plain]: [number[], number[]] = [[], []];
      for (let round = 0; round < rounds; round++) {
        const job = jobOf('computing', source, { cpuMs: 600_000, wallMs: 600_000 });
        const result = await cell.runJob({ ...job, interpreter: { engine: 'seccomp', runtime } });
        if (result.status !== 'ok') throw new Error(`${name}: ${result.status}`);
        ours.push(result.usage.cpuMs + result.usage.startupCpuMs);
        const said = execFileSync('taskset', ['-c', String(bench.cpu), bench.interpreter, program]);
        plain.push(1000 * Number(said.toString().trim().split('\n').at(-1)));
      }
      const ratio = median(ours) / median(plain);
      yield {
        measure: `CPU time of ${name.replace('.py', '')}`,
        ours: ms(median(ours)),
        reference: `bare ${ms(median(plain))}`,
        ratio,
        required: 'at most 1.03 times',
        met: ratio <= 1.03,
      };
    }
  } finally {
    await cell.close();
  }
}
