import { writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { parseArgs } from 'node:util';
import { availableCpus } from '@sandpiper/controller';
import { calls, computing, type Figure, latency, memory, throughput, withSpeedBench } from './speed.js';

const HELP = `Usage: scripts/bench [OPTION]...

Measures how fast runs are, each figure against its reference in the same run, in turn with it, on one CPU. Takes about
two minutes; nothing else should run on the machine meanwhile. bubblewrap is compared with where it is installed.

  --quick      a quarter of the rounds
  --page FILE  also write a page of Markdown, such as docs/speed.md
  -h, --help   print this

Exit code: 0 when it was measured, whatever the figures are; 2 bad usage.
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
`,
  );
}
