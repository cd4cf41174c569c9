import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { cgroupPlace } from '@sandpiper/controller';
import type { Behaviour } from './behaviour.js';
import { CORPUS, LAST_NUMBER } from './corpus.js';
import { runElsewhere } from './elsewhere.js';
import { Ground, realTranslated, SUBJECTS } from './ground.js';
import { attacksOn, ONLY_OF_MEMORY } from './plan.js';
import { lineOf, markdownOf, type Row, verdictOf } from './report.js';
import { runAttack } from './run-attack.js';

const HELP = `Usage: scripts/hostile [--markdown FILE] [CASE]...

Runs what hostile programs do (packages/hostile) against both engines, and after each looks whether all that must hold
does: the status and its reason, the next run, nothing left behind, nothing shown, dead in time. Behaviours that belong to
another layer are shown by its tests, which are run too. CASE is a number, 1 to ${LAST_NUMBER}; all where none is given. Exits with 1
when anything is not as it must be.

  --markdown FILE   write the table as a document too, e.g. docs/hostile.md
`;

const ABOUT = (held: number, gone: number) =>
  `Written by \`scripts/hostile --markdown docs/hostile.md\`. The programs are in \`packages/hostile/programs\`, native ones in
\`packages/guest/native/test/attacks*.c\`, what is expected of each in \`packages/hostile/src/corpus\`. After every one of them the
next run on the same cell, a census of processes, descriptors, files, control groups, IPC and memory, what the output shows and
the time of death are judged. CPU and death are the keeper's own figures, of the limit; "answered" is when the result was there,
by the clock of whoever asked; it says how busy the machine was. ${ONLY_OF_MEMORY[0]?.toUpperCase()}${ONLY_OF_MEMORY.slice(1)}. ${held} held, ${gone} do not apply and say why. Memory was held by ${cgroupPlace().kind === 'none' ? 'the keeper' : `cgroup ${cgroupPlace().kind}`}.`;

interface Options {
  readonly numbers: readonly number[];
  readonly markdown: string | null;
}

function parse(argv: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...argv],
    options: { markdown: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    allowPositionals: true,
  });
  if (values.help === true) {
    process.stdout.write(HELP);
    process.exit(0);
  }
  const unknown = positionals.find((text) => !CORPUS.some(({ number }) => String(number) === text));
  if (unknown !== undefined)
    throw new Error(`${unknown} is none of the cases: they are numbers from 1 to ${LAST_NUMBER}`);
  return { numbers: positionals.map(Number), markdown: values.markdown ?? null };
}

async function* rowsOf(ground: Ground, behaviour: Behaviour): AsyncGenerator<Row> {
  for (const name of SUBJECTS) {
    const subject = ground.subjects.get(name);
    if (subject === undefined) continue;
    const attacks = attacksOn(behaviour, name);
    if (attacks === null) continue;
    if (typeof attacks === 'string') {
      yield { kind: 'none', behaviour, subject: name, why: attacks };
      continue;
    }
    for (const attack of attacks) {
      yield {
        kind: 'attack',
        behaviour,
        subject: name,
        attack,
        outcome: await runAttack(ground, subject, attack),
      };
    }
  }
  for (const test of behaviour.elsewhere ?? [])
    yield { kind: 'elsewhere', behaviour, test, outcome: await runElsewhere(test) };
}

async function run({ numbers, markdown }: Options): Promise<number> {
  const rows: Row[] = [];
  const ground = await Ground.start();
  try {
    for (const behaviour of CORPUS) {
      if (numbers.length > 0 && !numbers.includes(behaviour.number)) continue;
      for await (const row of rowsOf(ground, behaviour)) {
        rows.push(row);
        process.stdout.write(`${lineOf(row)}\n`);
      }
    }
  } finally {
    await ground.stop();
  }
  process.stdout.write(`${ONLY_OF_MEMORY}\n`);
  if (realTranslated() === null) {
    process.stdout.write(
      'real rpython: left out, it needs PYPY3_SANDBOX and PYPY3_SANDBOX_LIB in the environment\n',
    );
  }
  const count = (verdict: string) => rows.filter((row) => verdictOf(row) === verdict).length;
  const [held, broken, none] = [count('held'), count('broken'), count('does not apply')];
  process.stdout.write(`${held} held, ${broken} broken, ${none} do not apply\n`);
  if (markdown !== null) writeFileSync(markdown, markdownOf(rows, ABOUT(held, none)));
  return broken === 0 ? 0 : 1;
}

try {
  process.exitCode = await run(parse(process.argv.slice(2)));
} catch (error) {
  process.stderr.write(`hostile: ${(error as Error).message}\n`);
  process.exitCode = 2;
}
