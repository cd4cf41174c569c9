import { writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { parseArgs } from 'node:util';
import { availableCpus } from '@sandpiper/controller';
import { endToEnd } from './end-to-end.js';
import { calls, computing, type Figure, latency, memory, throughput, withSpeedBench } from './speed.js';

const HELP = `Usage: scripts/bench [OPTION]...

Measures how fast runs are, each figure against its reference in the same run, in turn with it, on one CPU. Takes about
two minutes; nothing else should run on the machine meanwhile. bubblewrap is compared with where it is installed.

  --quick      a quarter of the rounds
  --page FILE  also write a page of Markdown, such as docs/speed.md
  -h, --help   print this

Exit code: 0 when it was measured, whatever the figures are; 2 bad usage.
`;

/** What profiles by perf(1) and time stamps around each call have shown; of 2026-11-24. */
const WHERE_IT_GOES = `## Where a warm hello spends its time

By time stamps around every call and by perf (2026-11-24, one behind the other on one CPU, 5 to 6 ms of CPU in all):

- 1.0 ms forking: copying the page tables of 26 MiB of the parent's own memory, half of it the interpreter's relocated data,
  then adoption by the keeper. Done ahead of the run where the node is not busy.
- 1.0 ms clearing up the child's address space at its end. Done after the result is out.
- 0.8 ms for some 500 page faults: first writes to pages shared with the parent, first touches of the interpreter's code.
- 1.3 ms for 31 calls, both sides together. Eleven of them look whether the program is a zip archive.
- 0.3 ms building the virtual kernel, 0.2 ms setting limits, 0.3 ms the result, 0.8 ms between the node's main thread and the
  cell's, and the rest Python: 0.3 ms to end, 0.5 ms to become the program.

What would change it: a parent with less memory of its own (relocations of the interpreter shared by all, huge pages below
its heap), fewer calls of PyPy's file objects and of its look for archives, limits set when the child is forked. Ten times
the runs of bare pypy3 on a CPU that is never idle leaves 2.7 ms for everything, forking and clearing up included; those two
alone are 2 ms here. A cold start makes some 390 calls, each some 25 us; the rest of it is pypy3 itself.
`;

function parse(): { quick: boolean; page: string | null } {
  try {
    const { values } = parseArgs({
      options: {
        quick: { type: 'boolean' },
        page: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help === true) {
      process.stdout.write(HELP);
      process.exit(0);
    }
    return { quick: values.quick === true, page: values.page ?? null };
  } catch (error) {
    process.stderr.write(`bench: ${(error as Error).message.split('\n')[0]}\n`);
    process.exit(2);
  }
}

function row({ measure, ours, reference, ratio, demanded, met }: Figure): string {
  const verdict = met === null ? '' : met ? 'met' : '**not met**';
  return `| ${measure} | ${ours} | ${reference} | ${ratio === null ? '' : ratio.toFixed(2)} | ${demanded} | ${verdict} |`;
}

const { quick, page } = parse();
const [cpu = 0] = availableCpus();
const figures = await withSpeedBench(cpu, quick ? 5 : 20, async (bench) => {
  const found: Figure[] = [];
  const tell = (more: Figure[]) => {
    for (const figure of more) process.stdout.write(`${row(figure)}\n`);
    found.push(...more);
  };
  tell(await latency(bench));
  tell([await throughput(bench)]);
  tell(memory());
  tell(await calls({ ...bench, rounds: quick ? 3 : 7 }));
  tell(await computing({ ...bench, rounds: quick ? 3 : 7 }));
  return found;
});
const whole = await endToEnd(quick);
for (const figure of whole) process.stdout.write(`${row(figure)}\n`);
figures.push(...whole);
if (page !== null) {
  const today = new Date().toISOString().slice(0, 10);
  writeFileSync(
    page,
    `# How fast runs are

Measured by \`scripts/bench${quick ? ' --quick' : ''} --page ${page}\` on ${today}, Linux ${release()}, all of it but the node's main thread on
one CPU, ours and the reference in turn. A warm run is one of a node's: its guest is forked of a parked parent. A cold one
starts an interpreter.

| measure | ours | reference | ratio | demanded | |
| --- | --- | --- | --- | --- | --- |
${figures.map(row).join('\n')}

${WHERE_IT_GOES}`,
  );
}
