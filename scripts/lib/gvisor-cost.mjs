// What runs cost here, and what gVisor adds (scripts/test-gvisor).
//
//   gvisor-cost.mjs measure              one line of JSON: milliseconds by kind of run
//   gvisor-cost.mjs compare INSIDE OUTSIDE   rows of a table, from files with such lines
import { readFileSync } from 'node:fs';
import { Cell } from '../../packages/sandbox/controller/dist/index.js';
import { completeLimits } from '../../packages/service/contracts/dist/index.js';

const NBODY = readFileSync(new URL('../../packages/trials/experiments/programs/nbody.py', import.meta.url));
/** Each is a question to the controller, which the shim does not answer by itself. */
const CALLS = 2000;

const KINDS = [
  { name: 'a hello, cold', start: 'cold', times: 5, source: 'print(6 * 7)', of: 'answered' },
  { name: 'a hello, forked', start: 'forked', times: 20, source: 'print(6 * 7)', of: 'answered' },
  { name: 'nbody, forked', start: 'forked', times: 2, source: NBODY, args: ['200000'], of: 'program' },
  {
    ...{ name: `${CALLS} system calls, forked`, start: 'forked', times: 3, of: 'program' },
    source: `import os\nfor n in range(${CALLS}): os.access(f"/box/{n}", os.R_OK)`,
  },
];

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

async function once(cell, { name, start, source, args = [], of }) {
  const begun = performance.now();
  const result = await cell.runJob({
    ...{ id: 'cost', attempt: 1, interpreter: { engine: 'seccomp' }, programPath: 'main.py', args },
    ...{ env: {}, folder: '/box', files: [{ path: '/box/main.py', data: Buffer.from(source) }], mounts: [] },
    ...{ stdin: { kind: 'buffer', data: new Uint8Array() }, output: 'capture', tracePath: null },
    ...{ deterministic: null, outputs: [], limits: completeLimits({ cpuMs: 60_000, wallMs: 120_000 }) },
  });
  if (result.status !== 'ok' || result.start !== start)
    throw new Error(`${name} ended as ${result.status} (${result.message}), ${result.start}`);
  return of === 'answered' ? performance.now() - begun : result.usage.wallMs;
}

async function measure() {
  const place = { id: null, cpu: null, node: null, rpython: null };
  const cells = {
    cold: await Cell.start({ ...place, profile: null }),
    forked: await Cell.start({ ...place, profile: [] }),
  };
  const found = {};
  for (const kind of KINDS) {
    await once(cells[kind.start], kind);
    const took = [];
    for (let i = 0; i < kind.times; i++) {
      // The next guest is forked meanwhile.
      await new Promise((resolve) => setTimeout(resolve, 50));
      took.push(await once(cells[kind.start], kind));
    }
    found[kind.name] = median(took);
  }
  for (const cell of Object.values(cells)) await cell.close();
  process.stdout.write(`${JSON.stringify(found)}\n`);
}

function compare(inside, outside) {
  const [within, without] = [inside, outside].map((path) =>
    readFileSync(path, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  );
  for (const { name } of KINDS) {
    const [a, b] = [within, without].map((rounds) => median(rounds.map((round) => round[name])));
    process.stdout.write(`| ${name} | ${a.toFixed(1)} ms | ${b.toFixed(1)} ms | ${(a / b).toFixed(1)} |\n`);
  }
}

const [what, ...files] = process.argv.slice(2);
if (what === 'compare') compare(...files);
else await measure();
