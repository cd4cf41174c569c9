import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { firstLine, messageOf } from '@sandpiper/contracts';
import { availableCpus } from '@sandpiper/controller';
import { endToEnd } from './end-to-end.js';
import { runtimeSpeed } from './runtime-speed.js';
import { smallCalls } from './small-calls.js';
import { calls, computing, type Figure, latency, memory, throughput, withSpeedBench } from './speed.js';

const HELP = `Usage: scripts/bench [OPTION]...

Measures how fast runs are, each figure against its reference in the same run, in turn with it, on one CPU. Takes about
three minutes; nothing else should run on the machine meanwhile. bubblewrap is compared with where it is installed.

  --quick        a quarter of the rounds
  --small-calls  only what programs cost that make many small calls
  --runtime PATH another interpreter than pypy3, such as /usr/bin/python3: hello, NumPy where it has it, CPU-bound programs
  --lib FOLDER   for --runtime: modules, such as /usr/lib/python3/dist-packages
  --page FILE    also write a page of Markdown, such as docs/speed.md
  -h, --help     print this

Exit code: 0 when it was measured, whatever the figures are; 2 bad usage.
`;

/** Findings of profiles by perf(1) and time stamps around each call, as of 2026-11-24. */
const WHERE_IT_GOES = `## Where a forked hello spends its time

Of the CPU that runs nothing else, one behind the other (2026-11-24, by schedstat of each process, perf and time stamps):
4.3 ms a run, of which

- 0.5 ms the parent, forking: it copies the page tables of 26 MiB of its own memory, half of it the interpreter's relocated
  data.
- 2.6 ms the child: some 500 page faults (first writes to pages shared with the parent, first touches of the interpreter's
  code) 0.6 ms, coming to the pages that any program comes to, ahead of its order, 0.5 ms, the program with the
  interpreter's own beginning and end 0.7 ms, clearing up its address space 0.8 ms.
- 0.9 ms the controller's thread: building the virtual kernel 0.3 ms, setting limits 0.2 ms, the result 0.3 ms.
- 0.3 ms the keeper.

When the node waits for work, forking, the first pages and the clearing up are not in a run's way, and 2 to 3 ms remain from
the job in hand to its result, 0.5 ms of them between the node's main thread and the cell's. What made the most of it: a child
that gets its program with its order makes one call where it made thirty (2.7 ms), and guests that follow each other in one
control group need not be moved (8 to 16 ms, one time in ten).

Ten times the runs of bare pypy3 on a CPU that is never idle leaves 2.5 to 3 ms for everything, forking and clearing up
included. What would change it: a parent with less memory of its own (huge pages below its relocated data were tried: 10%),
relocations of the interpreter shared by all, an interpreter whose code is mapped ahead, no warming up where nobody waits.
A cold start makes some 390 calls, each some 25 us; the rest of it is pypy3 itself.
`;

interface Options {
  readonly quick: boolean;
  readonly onlySmallCalls: boolean;
  readonly page: string | null;
  readonly runtime: string | null;
  readonly libraries: readonly string[];
}

function parse(): Options {
  try {
    const { values } = parseArgs({
      options: {
        quick: { type: 'boolean' },
        'small-calls': { type: 'boolean' },
        page: { type: 'string' },
        runtime: { type: 'string' },
        lib: { type: 'string', multiple: true },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help === true) {
      process.stdout.write(HELP);
      process.exit(0);
    }
    return {
      quick: values.quick === true,
      onlySmallCalls: values['small-calls'] === true,
      page: values.page ?? null,
      runtime: values.runtime ?? null,
      libraries: values.lib ?? [],
    };
  } catch (error) {
    process.stderr.write(`bench: ${firstLine(messageOf(error))}\n`);
    process.exit(2);
  }
}

function row({ measure, ours, reference, ratio, required, met }: Figure): string {
  const verdict = met === null ? '' : met ? 'met' : '**not met**';
  return `| ${measure} | ${ours} | ${reference} | ${ratio === null ? '' : ratio.toFixed(2)} | ${required} | ${verdict} |`;
}

const { quick, onlySmallCalls, page, runtime, libraries } = parse();
const [cpu = 0] = availableCpus();
if (runtime !== null) {
  const folder = mkdtempSync(join(tmpdir(), 'sandpiper-bench-'));
  try {
    const bench = { cpu, folder, rounds: quick ? 5 : 20, interpreter: runtime, libraries };
    for await (const figure of runtimeSpeed(bench)) process.stdout.write(`${row(figure)}\n`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  process.exit(0);
}
const figures = await withSpeedBench(cpu, quick ? 5 : 20, async (bench) => {
  const found: Figure[] = [];
  const tell = (more: Figure[]) => {
    for (const figure of more) process.stdout.write(`${row(figure)}\n`);
    found.push(...more);
  };
  const fewer = { ...bench, rounds: quick ? 3 : 7 };
  if (!onlySmallCalls) {
    tell(await latency(bench));
    tell([await throughput(bench)]);
    tell(memory());
    tell(await calls(fewer));
  }
  tell(await smallCalls(fewer));
  if (!onlySmallCalls) tell(await computing(fewer));
  return found;
});
const whole = onlySmallCalls ? [] : await endToEnd(quick);
for (const figure of whole) process.stdout.write(`${row(figure)}\n`);
figures.push(...whole);
if (page !== null) {
  const today = new Date().toISOString().slice(0, 10);
  writeFileSync(
    page,
    `# How fast runs are

Measured by \`scripts/bench${quick ? ' --quick' : ''}${onlySmallCalls ? ' --small-calls' : ''} --page ${page}\` on ${today}, Linux ${release()}, all of it but the node's main thread on
one CPU, ours and the reference in turn. A forked run is one as a node starts it, from a parked parent. A cold one
starts an interpreter.

| measure | ours | reference | ratio | required | |
| --- | --- | --- | --- | --- | --- |
${figures.map(row).join('\n')}

${WHERE_IT_GOES}`,
  );
}
