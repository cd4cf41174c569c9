import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { PLANTS, type Plant } from './heap-report.js';
import type { Judgement } from './judge.js';
import { soak, type Soaked } from './soak.js';

const HELP = `Usage: scripts/soak --minutes N [OPTION]...

Puts a real service (redis-server, a scheduler, a node of two cells) under the same load again and again: every status, output
and input from 0 to 8 MiB, files, live runs, batches, cancelled runs, purges, three tenants. After each round, with nothing
under way, it samples every process: heap after a collection, resident memory, descriptors, threads, zombies; folders and
control groups of cells; bytes and keys in Redis, also for each run that is kept. Every run must end once, as what it was
made for, and after the first five minutes (the first fifth of a short soak) nothing may grow by more than 1 % in 10
minutes. A soak of less than ten minutes has a slack for what is not warm yet; the table shows it.

  --minutes N    how long; 0.5 at least
  --json FILE    also write all samples and what was made of them
  --plant LEAK   let the node leak a little each second, to see that it is found: ${PLANTS.join(', ')}
  --keep         keep the folder with the logs where something is wrong
  -h, --help     print this

Ctrl-C ends it early, and what was seen is judged. Exit code: 0 nothing grows and nothing is lost, 1 otherwise, 2 bad usage.
`;

interface Options {
  readonly seconds: number;
  readonly json: string | null;
  readonly plant: Plant | null;
  readonly keep: boolean;
}

/** Null when help is requested. @throws Error for invalid options */
function parse(args: readonly string[]): Options | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string' },
      json: { type: 'string' },
      plant: { type: 'string' },
      keep: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) return null;
  const minutes = Number(values.minutes);
  if (!(minutes >= 0.5 && minutes <= 10_000)) throw new Error('--minutes takes a number, at least 0.5');
  const plant = PLANTS.find((name) => name === values.plant) ?? null;
  if (values.plant !== undefined && plant === null)
    throw new Error(`--plant takes one of ${PLANTS.join(', ')}`);
  return { seconds: minutes * 60, json: values.json ?? null, plant, keep: values.keep === true };
}

function print({ findings, judgements }: Soaked): void {
  const rows = [...judgements].sort(
    (a, b) => Number(b.grows) - Number(a.grows) || a.series.localeCompare(b.series),
  );
  for (const judgement of rows) process.stdout.write(`${lineOf(judgement)}\n`);
  for (const { what, measured, required, met } of findings) {
    const mark = met === null ? '      ' : met ? 'ok    ' : 'FAILED';
    process.stdout.write(`${mark} ${what}: ${measured}${met === null ? '' : ` (required: ${required})`}\n`);
  }
}

function lineOf({ series, unit, level, growth, inTenMinutes, allowed, points, grows }: Judgement): string {
  const quantity = (value: number): string =>
    unit === 'count' ? value.toFixed(1) : `${(value / 1024 / 1024).toFixed(2)} MiB`;
  const percent = `${(100 * inTenMinutes).toFixed(1)} % in 10 minutes`;
  return `${grows ? 'GROWS ' : 'flat  '} ${series}: ${quantity(level)}, grew by ${quantity(growth)} (${percent}) of ${quantity(allowed)} allowed, ${points} samples`;
}

async function run(options: Options): Promise<number> {
  const begun = performance.now();
  const say = (line: string): void => {
    const seconds = Math.round((performance.now() - begun) / 1000);
    process.stdout.write(`   ${String(seconds).padStart(4)} s  ${line}\n`);
  };
  const interrupted = new AbortController();
  // The first signal asks it to end; the second ends it, and the cluster is cleaned up at exit.
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => (interrupted.signal.aborted ? process.exit(1) : interrupted.abort()));
  }
  const soaked = await soak({ ...options, say, signal: interrupted.signal });
  print(soaked);
  if (options.json !== null) writeFileSync(options.json, `${JSON.stringify(soaked, null, 1)}\n`);
  return soaked.findings.some(({ met }) => met === false) ? 1 : 0;
}

try {
  const options = parse(process.argv.slice(2));
  if (options === null) process.stdout.write(HELP);
  else process.exit(await run(options));
} catch (error) {
  process.stderr.write(`soak: ${(error as Error).message} (see --help)\n`);
  process.exit(2);
}
