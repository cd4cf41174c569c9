import { FakeClock, settled } from '@sandpiper/actor';
import type { Appetite, Claim, Taken } from '@sandpiper/store';
import { createLogger } from '@sandpiper/telemetry';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Taker } from '../src/taker.js';

const NOTHING: Taken = { claims: [], alone: null, newer: [], more: false, lost: false };
const claimsOf = (...ids: string[]): Claim[] => ids.map((id) => ({ id }) as Claim);

/** Calls of the taker, in order, and what Redis answers to them in turn. */
let asked: { [name in 'most' | 'wanted' | 'alone']: Appetite[name] | undefined }[];
let answers: (Partial<Taken> | Promise<Partial<Taken>>)[];
/** Runs that the node has, and those that it gave back at once. */
let has: string[];
let gaveBack: string[];
let free: number;
let lost: number;
let taker: Taker;
const clock = new FakeClock();

beforeEach(() => {
  [asked, answers, has, gaveBack, free, lost] = [[], [], [], [], 2, 0];
  taker = new Taker({
    ...{ node: 'n', instance: 'n/1', runtimes: ['default'], clock },
    store: {
      take: async ({ most, wanted, alone }) => {
        asked.push({ most, wanted, alone });
        return { ...NOTHING, ...(await (answers.shift() ?? {})) };
      },
    },
    cells: {
      get free() {
        return free - has.length;
      },
    },
    attempts: {
      get count() {
        return has.length;
      },
      unplaced: 0,
      expect: () => undefined,
      receive: (claims, _askedAt, keeps) => {
        (keeps ? has : gaveBack).push(...claims.map(({ id }) => id));
      },
    },
    log: createLogger({ service: 'test', level: 'silent' }),
    up: () => true,
    onLost: () => (lost += 1),
  });
});

afterEach(() => taker.close());

/** All passes that are due have been made. */
async function rest(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) {
    await new Promise(setImmediate);
    await settled();
  }
}

async function begin(): Promise<void> {
  taker.start();
  taker.hasLease();
  await rest();
}

async function end(...ids: string[]): Promise<void> {
  has = has.filter((id) => !ids.includes(id));
  taker.wake();
  await rest();
}

const mosts = () => asked.map(({ most }) => most);

describe('a node', () => {
  it('asks for nothing before it has a lease, nor while it is paused', async () => {
    taker.start();
    taker.ring();
    await rest();
    expect(asked).toEqual([]);
    taker.hasLease();
    await rest();
    expect(mosts()).toEqual([2]);
    taker.pause();
    taker.ring();
    await rest();
    expect(mosts()).toEqual([2]);
  });

  it('asks for what its free cells hold, and not again until a ticket comes when it got less', async () => {
    answers = [{ claims: claimsOf('a') }];
    await begin();
    await end('a');
    expect(mosts()).toEqual([2]);
    answers = [{ claims: claimsOf('b', 'c') }];
    taker.ring();
    await rest();
    expect([mosts(), has]).toEqual([
      [2, 2],
      ['b', 'c'],
    ]);
    // It was full, so nothing rings: the end of a run makes it ask.
    await end('b');
    expect(mosts()).toEqual([2, 2, 1]);
  });

  it('takes many runs in several calls, and asks again where one reply could not hold them', async () => {
    free = 40;
    const many = claimsOf(...Array.from({ length: 32 }, (_, i) => `r${i}`));
    answers = [{ claims: many }, { claims: claimsOf('x'), more: true }, { claims: claimsOf('y') }];
    await begin();
    expect(mosts()).toEqual([32, 8, 7]);
  });

  it('gives back what comes when it takes no more', async () => {
    let answer = (_: Partial<Taken>): void => undefined;
    answers = [new Promise((resolve) => (answer = resolve))];
    await begin();
    taker.pause();
    answer({ claims: claimsOf('late') });
    await rest();
    expect([has, gaveBack]).toEqual([[], ['late']]);
  });

  it('reports when it has no lease, and asks again when it has one', async () => {
    answers = [{ lost: true }];
    await begin();
    expect([lost, mosts()]).toEqual([1, [2]]);
    taker.ring();
    await rest();
    expect(mosts()).toEqual([2]);
    taker.hasLease();
    await rest();
    expect(mosts()).toEqual([2, 2]);
  });
});

describe('a run that wants the node for itself', () => {
  it('is taken by its name when the others have ended, and no other comes until it has ended', async () => {
    answers = [{ claims: claimsOf('a'), alone: 'suspect' }, {}, { claims: claimsOf('suspect') }];
    await begin();
    // It is rung for nothing meanwhile.
    expect(asked).toEqual([
      { most: 2, wanted: undefined, alone: true },
      { most: 0, wanted: undefined, alone: false },
    ]);
    taker.ring();
    await rest();
    expect(asked).toHaveLength(2);
    await end('a');
    expect([has, asked[2]]).toEqual([['suspect'], { most: 1, wanted: 'suspect', alone: true }]);
    taker.ring();
    await rest();
    expect(asked).toHaveLength(3);
    await end('suspect');
    expect(mosts()).toEqual([2, 0, 1, 2]);
  });

  it('is left to others when those here do not end in time', async () => {
    answers = [{ claims: claimsOf('a'), alone: 'suspect' }];
    await begin();
    await clock.advance(10_000);
    await rest();
    expect(asked.map(({ wanted }) => wanted)).toEqual([undefined, undefined, undefined]);
    expect(mosts()).toEqual([2, 0, 1]);
  });

  it('has it at once where it has nothing else', async () => {
    answers = [{ claims: claimsOf('suspect'), alone: 'suspect' }];
    await begin();
    expect([has, mosts()]).toEqual([['suspect'], [2, 0]]);
    await end('suspect');
    expect(mosts()).toEqual([2, 0, 2]);
  });
});
