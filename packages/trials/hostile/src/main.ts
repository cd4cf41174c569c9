import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { cgroupFolder } from '@sandpiper/controller';
import type { Behaviour } from './behaviour.js';
import { CORPUS, LAST_NUMBER } from './corpus.js';
import { runElsewhere } from './elsewhere.js';
import { Ground, realTranslated, SUBJECTS } from './ground.js';
import { Street } from './neighbour/street.js';
import { attacksOn, ONLY_OF_MEMORY } from './plan.js';
import { lineOf, markdownOf, NEIGHBOUR, type ReportRow, defenceOf } from './report.js';
import { runAttack } from './run-attack.js';

const HELP = `Usage: scripts/hostile [--neighbour | --alone] [--gvisor] [--runtime PATH] [--markdown FILE] [CASE]...

Runs what hostile programs do (packages/trials/hostile) against both engines, and after each looks whether all that must hold
does: the status and its reason, the next run, nothing left behind, nothing shown, dead in time. Behaviours that belong to
another layer are shown by its tests, which are run too. CASE is a number, 1 to ${LAST_NUMBER}; all where none is given. Exits with 1
when anything is not as it must be.

  --neighbour       only what the other tenant sees
  --alone           nothing of the other tenant, which needs a Redis
  --gvisor          expect what gVisor's kernel does, where it differs, and run no tests of other layers
                    (scripts/test-gvisor)
  --runtime PATH    another interpreter in place of pypy3, such as /usr/bin/python3; alone, and no tests of other layers
  --markdown FILE   write the table as a document too, e.g. docs/hostile.md
`;

const ABOUT = (held: number, gone: number) =>
  `Written by \`scripts/hostile --markdown docs/hostile.md\`. The programs are in \`packages/trials/hostile/programs\`, native ones in
\`packages/sandbox/guest/native/test/attacks*.c\`, what is expected of each in \`packages/trials/hostile/src/corpus\`. After every one of them the
next run on the same cell, a census of processes, descriptors, files, control groups, IPC and memory, what the output shows and
the time of death are judged. CPU and death are the keeper's own figures, of the limit; "answered" is when the result was there,
by the clock of the test; it says how busy the machine was. Of the neighbour, another tenant of a node of two cells who sends a
hello every 200 ms meanwhile, the answers are judged, their p99, and that the node stays ready. ${ONLY_OF_MEMORY[0]?.toUpperCase()}${ONLY_OF_MEMORY.slice(1)}. ${held} held, ${gone} do not apply and say why. Memory was held by ${cgroupFolder().kind === 'none' ? 'the keeper' : `cgroup ${cgroupFolder().kind}`}.`;

interface Options {
  readonly numbers: readonly number[];
  readonly markdown: string | null;
  readonly neighbourOnly: boolean;
  readonly aloneOnly: boolean;
  readonly isGvisor: boolean;
  /** Path of the stock interpreter; null: Debian's pypy3. */
  readonly runtime: string | null;
}

/** Its attacks are variables that only a PyPy obeys. */
const OF_PYPY_ALONE = 81;

/**
 * How long the other tenant is watched without an attack, seconds, and for how many hellos beside each
 * behaviour.
 */
const QUIET_SECONDS = 15;
const HELLOS = 10;

function parse(argv: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...argv],
    options: {
      markdown: { type: 'string' },
      neighbour: { type: 'boolean' },
      alone: { type: 'boolean' },
      gvisor: { type: 'boolean' },
      runtime: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
    allowPositionals: true,
  });
  if (values.help === true) {
    process.stdout.write(HELP);
    process.exit(0);
  }
  const unknown = positionals.find((text) => !CORPUS.some(({ number }) => String(number) === text));
  if (unknown !== undefined)
    throw new Error(`${unknown} is none of the cases: they are numbers from 1 to ${LAST_NUMBER}`);
  if (values.neighbour === true && values.alone === true)
    throw new Error('--neighbour and --alone together leave nothing');
  return {
    numbers: positionals.map(Number),
    markdown: values.markdown ?? null,
    neighbourOnly: values.neighbour === true,
    aloneOnly: values.alone === true || values.runtime !== undefined,
    isGvisor: values.gvisor === true,
    runtime: values.runtime ?? null,
  };
}

async function* rowsOf(ground: Ground, behaviour: Behaviour): AsyncGenerator<ReportRow> {
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
  // Tests of other layers, which want what a restricted container has not.
  if (ground.isGvisor || ground.isOtherRuntime) return;
  for (const test of behaviour.elsewhere ?? [])
    yield { kind: 'elsewhere', behaviour, test, outcome: await runElsewhere(test) };
}

async function* alone(
  behaviours: readonly Behaviour[],
  isGvisor: boolean,
  runtime: string | null,
): AsyncGenerator<ReportRow> {
  const names = runtime === null ? SUBJECTS : SUBJECTS.filter((name) => name.startsWith('seccomp'));
  const ground = await Ground.start(names, isGvisor, runtime);
  try {
    for (const behaviour of behaviours) yield* rowsOf(ground, behaviour);
  } finally {
    await ground.stop();
  }
}

async function* besideOthers(behaviours: readonly Behaviour[]): AsyncGenerator<ReportRow> {
  const street = await Street.open(QUIET_SECONDS);
  try {
    for (const behaviour of behaviours) {
      const beside = await street.play(behaviour, { hellos: HELLOS, first: false });
      yield typeof beside === 'string'
        ? { kind: 'none', behaviour, subject: NEIGHBOUR, why: beside }
        : { kind: 'neighbour', behaviour, beside };
    }
  } finally {
    await street.close();
  }
}

async function run({
  numbers,
  markdown,
  neighbourOnly,
  aloneOnly,
  isGvisor,
  runtime,
}: Options): Promise<number> {
  const rows: ReportRow[] = [];
  const behaviours = CORPUS.filter(
    ({ number }) =>
      (numbers.length === 0 || numbers.includes(number)) && (runtime === null || number !== OF_PYPY_ALONE),
  );
  for (const part of neighbourOnly ? [besideOthers] : aloneOnly ? [alone] : [alone, besideOthers]) {
    for await (const row of part(behaviours, isGvisor, runtime)) {
      rows.push(row);
      process.stdout.write(`${lineOf(row)}\n`);
    }
  }
  if (!neighbourOnly) process.stdout.write(`${ONLY_OF_MEMORY}\n`);
  if (!neighbourOnly && realTranslated() === null) {
    process.stdout.write(
      'real rpython: left out, it needs PYPY3_SANDBOX and PYPY3_SANDBOX_LIB in the environment\n',
    );
  }
  const count = (state: string) => rows.filter((row) => defenceOf(row) === state).length;
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
