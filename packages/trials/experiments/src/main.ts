import { writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { parseArgs } from 'node:util';
import { firstLine, messageOf } from '@sandpiper/contracts';
import { Bench } from './bench.js';
import { cpuLimit, repeatability } from './cpu.js';
import type { Measurement } from './measurement.js';
import { memoryPeak } from './memory.js';
import { nodeDeath } from './node-death.js';
import { wallLimit } from './wall.js';

const HELP = `Usage: scripts/experiments limits [OPTION]...

Measures whether limits are as exact as they are promised to be, and prints what was measured beside what is required.
Takes about five minutes, up to fifteen on a machine with noisy neighbours; nothing else should run on the machine meanwhile.

  --quick      a fifth of the repeats
  --page FILE  also write a page of Markdown, such as docs/limits.md
  --json FILE  also write the findings as JSON
  -h, --help   print this

Exit code: 0 when every demand is met, 1 when one is not, 2 bad usage.
`;

interface Options {
  readonly quick: boolean;
  readonly page: string | null;
  readonly json: string | null;
}

/** Null when help is asked for. */
function parse(args: readonly string[]): Options | { readonly complaint: string } | null {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        quick: { type: 'boolean' },
        page: { type: 'string' },
        json: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help === true) return null;
    if (positionals.length !== 1 || positionals[0] !== 'limits') {
      return { complaint: 'give the name of an experiment: limits' };
    }
    return { quick: values.quick === true, page: values.page ?? null, json: values.json ?? null };
  } catch (error) {
    return { complaint: firstLine(messageOf(error)) };
  }
}

async function measure(quick: boolean): Promise<Measurement[]> {
  const runs = quick ? 10 : 50;
  const repeats = quick ? 6 : 30;
  const total = 4 * runs + 3 * repeats + 4 + 5 + 1;
  let done = 0;
  const step = () => {
    done++;
    if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${total}`);
  };
  const bench = await Bench.start();
  try {
    return [
      ...(await cpuLimit(bench, runs, step)),
      ...(await repeatability(bench, repeats, step)),
      ...(await memoryPeak(bench, step)),
      ...(await wallLimit(bench, step)),
      ...(await nodeDeath(step)),
    ];
  } finally {
    await bench.close();
    if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
  }
}

function pageOf(findings: readonly Measurement[]): string {
  const rows = findings.map(
    ({ experiment, measured, required, met }) =>
      `| ${experiment} | ${measured} | ${required} | ${met ? 'met' : '**not met**'} |`,
  );
  return `# How exact limits are

Measured by \`scripts/experiments limits --page docs/limits.md\` on ${new Date().toISOString().slice(0, 10)}, Linux
${release()}, one cell pinned to a CPU.

| experiment | measured | required | |
| --- | --- | --- | --- |
${rows.join('\n')}
`;
}

const options = parse(process.argv.slice(2));
if (options === null) {
  process.stdout.write(HELP);
} else if ('complaint' in options) {
  process.stderr.write(`experiments: ${options.complaint} (see --help)\n`);
  process.exitCode = 2;
} else {
  const findings = await measure(options.quick);
  for (const { experiment, measured, required, met } of findings) {
    process.stdout.write(
      `${met ? 'met    ' : 'NOT MET'}  ${experiment}\n         ${measured} (required: ${required})\n`,
    );
  }
  if (options.page !== null) writeFileSync(options.page, pageOf(findings));
  if (options.json !== null) writeFileSync(options.json, `${JSON.stringify(findings, null, 2)}\n`);
  process.exitCode = findings.every(({ met }) => met) ? 0 : 1;
}
