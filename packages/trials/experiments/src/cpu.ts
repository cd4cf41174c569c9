import { execFileSync, spawn } from 'node:child_process';
import { availableCpus } from '@sandpiper/controller';
import type { RunResult } from '@sandpiper/contracts';
import type { Bench } from './bench.js';
import type { Measurement } from './measurement.js';
import { coefficientOfVariation, median } from './statistics.js';

/** Works until it has used that many milliseconds of CPU time by its own clock. */
const USE = `
import sys, time
until = int(sys.argv[1]) / 1000
x = 0
while time.process_time() < until:
    for i in range(20000): x += i
`;

/** The same work each time. */
const WORK = 'x = 0\nfor i in range(1_000_000_000): x = x + i & 0xffff\n';

/**
 * A virtual machine has invisible neighbours: a cell is quiet while bare pypy3, in turn with ours, varies by
 * half of our allowance.
 */
const QUIET = 0.01;

/** The most repeats for the sake of quiet ones, as a multiple of the wanted number. */
const PATIENCE = 8;

const LIMIT_MS = 400;

/** Runs that need a part of their CPU limit or more: their statuses, and how late they end. */
export async function cpuLimit(bench: Bench, repeats: number, step: () => void): Promise<Measurement[]> {
  const overshoots: number[] = [];
  let wrong = 0;
  let near = 0;
  // Its own clock runs from the interpreter's start, the limit from the program's.
  const startup = (await bench.run('pass')).usage.startupCpuMs;
  for (let i = 0; i < repeats; i++) {
    for (const part of [0.7, 0.95, 1.05, 1.3]) {
      const needed = Math.round(startup + LIMIT_MS * part);
      const { status, usage } = await bench.run(USE, { cpuMs: LIMIT_MS }, [String(needed)]);
      const expected = part < 1 ? 'ok' : 'time-limit';
      if (status !== expected) {
        if (part === 0.95 || part === 1.05) near++;
        else wrong++;
      }
      if (status === 'time-limit') overshoots.push(usage.cpuMs - LIMIT_MS);
      step();
    }
  }
  const worst = Math.max(...overshoots);
  return [
    {
      experiment: `${4 * repeats} runs needing 70, 95, 105 and 130% of a CPU limit: wrong statuses`,
      measured: `${wrong} outside 95..105%, ${near} at it`,
      required: 'none outside 95..105%',
      met: wrong === 0,
    },
    {
      experiment: 'CPU time above the limit at the kill, median and worst',
      measured: `${median(overshoots).toFixed(1)} ms, ${worst.toFixed(1)} ms`,
      required: 'under 20 ms, under 250 ms',
      met: median(overshoots) < 20 && worst < 250,
    },
  ];
}

/** The same program repeated: alone, with the other CPU busy, and with its own CPU shared. */
export async function repeatability(bench: Bench, repeats: number, step: () => void): Promise<Measurement[]> {
  const series = async () => {
    const results = [];
    for (let i = 0; i < repeats; i++) {
      results.push(await bench.run(WORK, { cpuMs: 30_000 }));
      step();
    }
    return results;
  };
  const cpuOf = (results: Awaited<ReturnType<typeof series>>) => results.map(({ usage }) => usage.cpuMs);
  const { quiet, spreadOfBare, earlier } = await quietRepeats(bench, repeats, step);
  const spread = coefficientOfVariation(cpuOf(quiet));
  const findings: Measurement[] = [
    {
      experiment: `${repeats} repeats of one program on a quiet cell (bare pypy3 in turn varies by at most ${percent(QUIET)}): coefficient of variation of cpuMs`,
      measured: `${percent(spread)} of ${median(cpuOf(quiet)).toFixed(0)} ms, bare ${percent(spreadOfBare)}, after ${earlier} repeats in noise`,
      required: 'at most 2%',
      met: spreadOfBare <= QUIET && spread <= 0.02,
    },
  ];
  const others = availableCpus().filter((cpu) => cpu !== bench.cpu);
  for (const [what, cpu] of [
    ['the other CPU busy', others[0]],
    ['its own CPU shared', bench.cpu],
  ] as const) {
    if (cpu === undefined) continue;
    const busy = await whileBusy(cpu, series);
    const moved = median(cpuOf(busy)) / median(cpuOf(quiet)) - 1;
    const marked = busy.filter((result) => result.unreliable !== undefined).length;
    findings.push({
      experiment: `the same with ${what}: how far the median moves`,
      measured: `${(100 * moved).toFixed(1)}%, ${marked} of ${repeats} marked unreliable`,
      required: 'at most 10%, or marked',
      met: Math.abs(moved) <= 0.1 || marked === repeats,
    });
  }
  return findings;
}

/**
 * Repeats in turn with bare pypy3 until the last `wanted` repeats were quiet (the coefficient of variation of
 * bare among them is at most {@link QUIET}), or the machine has had {@link PATIENCE} times as many. Our own
 * figures do not decide which repeats count.
 */
async function quietRepeats(bench: Bench, wanted: number, step: () => void) {
  const results: RunResult[] = [];
  const bare: number[] = [];
  let spreadOfBare: number;
  do {
    results.push(await bench.run(WORK, { cpuMs: 30_000 }));
    bare.push(bareCpuMs(bench.cpu));
    spreadOfBare = coefficientOfVariation(bare.slice(-wanted));
    if (results.length <= wanted) step();
  } while (results.length < wanted || (spreadOfBare > QUIET && results.length < PATIENCE * wanted));
  return { quiet: results.slice(-wanted), spreadOfBare, earlier: results.length - wanted };
}

function percent(part: number): string {
  return `${(100 * part).toFixed(2)}%`;
}

/** The reference: the machine's noise without us. */
function bareCpuMs(cpu: number): number {
  const source = `${WORK}import time; print(time.process_time())`;
  return 1000 * Number(execFileSync('taskset', ['-c', String(cpu), 'pypy3', '-c', source]));
}

async function whileBusy<T>(cpu: number, work: () => Promise<T>): Promise<T> {
  const spinner = spawn('taskset', ['-c', String(cpu), process.execPath, '-e', 'for (;;);'], {
    stdio: 'ignore',
  });
  try {
    return await work();
  } finally {
    spinner.kill('SIGKILL');
  }
}
