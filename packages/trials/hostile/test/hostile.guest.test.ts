import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CORPUS } from '../src/corpus.js';
import { Ground, realTranslated, SUBJECTS, type Subject } from '../src/ground.js';
import { attacksOn, ONLY_OF_MEMORY } from '../src/plan.js';
import { runAttack } from '../src/run-attack.js';

/** What scripts/hostile runs, as tests: every attack on every subject, and after each all that must hold. */

let ground: Ground;

beforeAll(async () => {
  ground = await Ground.start();
});
afterAll(() => ground.stop());

function subjectOf(name: (typeof SUBJECTS)[number]): Subject {
  const subject = ground.subjects.get(name);
  if (subject === undefined) throw new Error(`there is no ${name}`);
  return subject;
}

const here = SUBJECTS.filter((name) => name !== 'real rpython' || realTranslated() !== null);
process.stdout.write(`${ONLY_OF_MEMORY}\n`);
if (here.length < SUBJECTS.length) {
  process.stdout.write(
    'real rpython: left out, it needs PYPY3_SANDBOX and PYPY3_SANDBOX_LIB in the environment\n',
  );
}

const behaviours = CORPUS.map((behaviour) => {
  const planned = here.map((name) => [name, attacksOn(behaviour, name)] as const);
  const cases = planned.flatMap(([name, attacks]) =>
    attacks === null || typeof attacks === 'string'
      ? []
      : attacks.map((attack) => [name, attack.name, attack] as const),
  );
  const [reason] = planned.flatMap(([, attacks]) => (typeof attacks === 'string' ? [attacks] : []));
  return { number: behaviour.number, title: behaviour.title, cases, reason };
});

for (const { number, title, cases, reason } of behaviours) {
  if (cases.length === 0)
    process.stdout.write(`${number} ${title}: no guest is attacked with it: ${reason}\n`);
}

describe.each(
  behaviours
    .filter(({ cases }) => cases.length > 0)
    .map(({ number, title, cases }) => [number, title, cases] as const),
)('%i %s', (_number, _title, cases) => {
  it.each(cases)('%s: %s', async (name, _attack, attack) => {
    const { faults } = await runAttack(ground, subjectOf(name), attack);
    expect(faults).toEqual([]);
  });
});
