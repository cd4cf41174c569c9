import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BareSide } from '../src/corpus/bare-side.js';
import { CellSide, HOWS, type How } from '../src/corpus/cell-side.js';
import type { ProgramCase } from '../src/corpus/programs.js';
import { loadCases, loadRefused } from './cases.js';

/** Programs as people write them: the sandbox does what `pypy3 PROGRAM` does, or names what it refuses. */

const PATIENCE_MS = 60_000;
const refused = loadRefused();
const cases = loadCases();

let bare: BareSide;
let cells: Readonly<Record<How, CellSide>>;

beforeAll(() => {
  bare = new BareSide(true);
  cells = { forked: new CellSide('forked', 0, 2), cold: new CellSide('cold', 1, 2) };
});

afterAll(async () => {
  bare.close();
  for (const how of HOWS) await cells[how].close();
});

const bothWays = (programCase: ProgramCase) => Promise.all(HOWS.map((how) => cells[how].run(programCase, 0)));

const named = (isRefused: boolean) =>
  cases
    .filter(({ name }) => refused.has(name) === isRefused)
    .map((programCase) => [programCase.name, programCase] as const);

it('the list of what is refused names cases', () => {
  expect(named(true).map(([name]) => name)).toEqual([...refused.keys()].sort());
});

describe('identical to pypy3, forked and cold', () => {
  it.each(named(false))('%s', async (_name, programCase) => {
    const { how, stdout, stderr, cut } = await bare.run(programCase, PATIENCE_MS);
    expect(cut).toBeNull();
    for (const [index, ended] of (await bothWays(programCase)).entries()) {
      expect(ended).toMatchObject({ how, stdout, stderr, refused: [], start: HOWS[index] });
    }
  });
});

describe('refused, and said so, forked and cold', () => {
  it.each(named(true))('%s', async (name, programCase) => {
    for (const { status, refused: kinds } of await bothWays(programCase)) {
      expect(kinds).toEqual(refused.get(name));
      expect(['ok', 'runtime-error']).toContain(status);
    }
  });
});
