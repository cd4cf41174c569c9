import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CORPUS } from '../src/corpus.js';
import { Ground, realTranslated, SUBJECTS, type Subject } from '../src/ground.js';
import { attacksOn } from '../src/plan.js';
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
if (here.length < SUBJECTS.length) {
  process.stdout.write(
    'real rpython: left out, it needs PYPY3_SANDBOX and PYPY3_SANDBOX_LIB in the environment\n',
  );
}

describe.each(CORPUS.map((behaviour) => [behaviour.number, behaviour.title, behaviour] as const))(
  '%i %s',
  (_number, _title, behaviour) => {
    const cases = here.flatMap((name) => {
      const attacks = attacksOn(behaviour, name);
      return typeof attacks === 'string' ? [] : attacks.map((attack) => [name, attack.name, attack] as const);
    });
    it.runIf(cases.length > 0).each(cases)('%s: %s', async (name, _attack, attack) => {
      const { faults } = await runAttack(ground, subjectOf(name), attack);
      expect(faults).toEqual([]);
    });
  },
);
