import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { CORPUS } from './corpus.js';
import { Ground, realTranslated, SUBJECTS } from './ground.js';
import { attacksOn } from './plan.js';
import { lineOf, markdownOf, type Row } from './report.js';
import { runAttack } from './run-attack.js';

const HELP = `Usage: scripts/hostile [--markdown FILE] [--list] [CASE]...

Runs what hostile programs do (packages/hostile) against both engines, and after each looks whether all that must hold
does: the status and its reason, the next run, nothing left behind, nothing shown, dead in time. CASE is a number, 1 to 79;
all where none is given. Exits with 1 when anything is not as it must be.
`;

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
  const numbers = positionals.map(Number);
  const unknown = positionals.find((_, i) => !CORPUS.some(({ number }) => number === numbers[i]));
  if (unknown !== undefined)
    throw new Error(`${unknown} is none of the cases: they are numbers from 1 to ${CORPUS.length}`);
  return { numbers, markdown: values.markdown ?? null };
}

async function run({ numbers, markdown }: Options): Promise<number> {
  const rows: Row[] = [];
  const say = (row: Row) => {
    rows.push(row);
    process.stdout.write(`${lineOf(row)}\n`);
  };
  const ground = await Ground.start();
  try {
    for (const behaviour of CORPUS) {
      if (numbers.length > 0 && !numbers.includes(behaviour.number)) continue;
      for (const name of SUBJECTS) {
        const subject = ground.subjects.get(name);
        const attacks = attacksOn(behaviour, name);
        if (subject === undefined) continue;
        if (typeof attacks === 'string') say({ behaviour, subject: name, why: attacks });
        else
          for (const attack of attacks)
            say({ behaviour, subject: name, attack, outcome: await runAttack(ground, subject, attack) });
      }
    }
  } finally {
    await ground.stop();
  }
  if (realTranslated() === null)
    process.stdout.write(
      'real rpython: left out, it needs PYPY3_SANDBOX and PYPY3_SANDBOX_LIB in the environment\n',
    );
  const broken = rows.filter((row) => 'outcome' in row && row.outcome.faults.length > 0);
  const held = rows.filter((row) => 'outcome' in row).length - broken.length;
  process.stdout.write(
    `${held} held, ${broken.length} broken, ${rows.length - held - broken.length} do not apply\n`,
  );
  if (markdown !== null) writeFileSync(markdown, markdownOf(rows));
  return broken.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await run(parse(process.argv.slice(2)));
} catch (error) {
  process.stderr.write(`hostile: ${(error as Error).message}\n`);
  process.exitCode = 2;
}
