import * as fc from 'fast-check';
import type { Lifecycle, Message, Tagged } from '@sandpiper/actor';
import { describe, expect, it } from 'vitest';
import { CELL_EVENTS, LIFECYCLES, NODE_EVENTS, RUN_EVENTS } from '../src/lifecycles/catalogue.js';
import { cellLifecycle, type CellEffect } from '../src/lifecycles/cell.js';
import { nodeLifecycle } from '../src/lifecycles/node.js';
import { attemptLifecycle, type AttemptEffect, type AttemptEvent } from '../src/lifecycles/run.js';

/** Lives through the events. @returns what came of each, the start being the first */
function live<S extends Tagged, E extends Message, F extends Message>(
  lifecycle: Lifecycle<S, E, F>,
  events: readonly E[],
) {
  let [state, effects] = lifecycle.start;
  const history: { event: E | null; from: S; to: S; effects: readonly F[] }[] = [
    { event: null, from: state, to: state, effects },
  ];
  for (const event of events) {
    const from = state;
    [state, effects] = lifecycle.step(from, event);
    history.push({ event, from, to: state, effects });
  }
  return history;
}

/** Any events in any order, also such as cannot be. */
const anyOf = <E>(events: readonly E[]) => fc.array(fc.constantFrom(...events), { maxLength: 40 });

const count = (history: readonly { effects: readonly Message[] }[], type: string): number =>
  history.flatMap(({ effects }) => effects).filter((effect) => effect.type === type).length;

describe.each(LIFECYCLES)('the lifecycle of a $name', ({ edges }) => {
  it('answers every event in every state, and can reach its end from each', () => {
    const all = edges();
    const states = new Map(all.map(({ from }) => [JSON.stringify(from), from]));
    const perState = all.length / states.size;
    expect(Number.isInteger(perState)).toBe(true);
    const ends = new Set(['closed', 'over', 'stopped']);
    const canEnd = new Set([...states].flatMap(([key, { kind }]) => (ends.has(kind) ? [key] : [])));
    expect(canEnd.size).toBeGreaterThan(0);
    for (let before = 0; before < canEnd.size; ) {
      before = canEnd.size;
      for (const { from, to } of all) if (canEnd.has(JSON.stringify(to))) canEnd.add(JSON.stringify(from));
    }
    expect(canEnd.size).toBe(states.size);
  });

  it('stays in its terminal state, without effects', () => {
    const last = edges().filter(({ from }) => ['closed', 'over', 'stopped'].includes(from.kind));
    for (const { from, to, effects } of last) {
      expect(to).toBe(from);
      expect(effects).toEqual([]);
    }
  });
});

describe('a node', () => {
  it('consumes whenever it serves, and never while it is cordoned', () => {
    fc.assert(
      fc.property(anyOf(NODE_EVENTS), (events) => {
        let consumes = false;
        for (const { to, effects } of live(nodeLifecycle, events)) {
          for (const { type } of effects) {
            if (type === 'consume' || type === 'resume') consumes = true;
            if (type === 'pause' || type === 'stop-consuming' || type === 'cut') consumes = false;
          }
          if (to.kind === 'serving' || to.kind === 'troubled') expect(consumes).toBe(true);
          if (to.kind === 'cordoned' || to.kind === 'stranded') expect(consumes).toBe(false);
        }
      }),
    );
  });
});

describe('a cell', () => {
  it('starts a run only while idle, and answers each assignment until it is closed', () => {
    fc.assert(
      fc.property(anyOf(CELL_EVENTS), (events) => {
        let running: string | null = null;
        for (const { event, from, effects } of live(cellLifecycle, events)) {
          const answers = effects.filter(
            (effect): effect is Extract<CellEffect, { type: 'begin' | 'refuse' }> =>
              effect.type === 'begin' || effect.type === 'refuse',
          );
          if (event?.type === 'assign' && from.kind !== 'closed') {
            expect(answers).toMatchObject([{ run: event.run }]);
          } else {
            expect(answers).toEqual([]);
          }
          if (event?.type === 'finished' && event.run === running) running = null;
          for (const answer of answers) {
            if (answer.type !== 'begin') continue;
            expect([running, from.kind]).toEqual([null, 'idle']);
            running = answer.run;
          }
        }
      }),
    );
  });

  it('kills only its current run, and only once', () => {
    fc.assert(
      fc.property(anyOf(CELL_EVENTS), (events) => {
        let killable: string | null = null;
        for (const { effects } of live(cellLifecycle, events)) {
          for (const effect of effects) {
            if (effect.type === 'begin') killable = effect.run;
            if (effect.type !== 'kill') continue;
            expect(effect.run).toBe(killable);
            killable = null;
          }
        }
      }),
    );
  });

  it('is built once, comes up once, is cleared once', () => {
    fc.assert(
      fc.property(anyOf(CELL_EVENTS), (events) => {
        const history = live(cellLifecycle, events);
        expect(count(history, 'build')).toBe(1);
        expect(count(history, 'up')).toBeLessThanOrEqual(1);
        expect(count(history, 'clear')).toBeLessThanOrEqual(1);
        // Nothing that was started goes away without being cleared.
        const started = history.some(
          ({ event, from }) => event?.type === 'started' && /^(starting|unwanted)$/.test(from.kind),
        );
        const closed = history.at(-1)?.to.kind === 'closed';
        if (closed) expect(count(history, 'clear')).toBe(started ? 1 : 0);
      }),
    );
  });
});

describe('a run', () => {
  it('is settled once and last, written at most once, and never both written and released', () => {
    fc.assert(
      fc.property(anyOf(RUN_EVENTS), (events) => {
        const history = live(attemptLifecycle, events);
        const over = history.at(-1)?.to.kind === 'over';
        expect(count(history, 'settle')).toBe(over ? 1 : 0);
        const effects = history.flatMap((step) => step.effects.map(({ type }) => type));
        if (over) expect(effects.at(-1)).toBe('settle');
        expect(count(history, 'write') + count(history, 'release')).toBeLessThanOrEqual(1);
        for (const once of ['ask-for-cell', 'execute', 'kill', 'count', 'withdraw', 'lose']) {
          expect(count(history, once)).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  /** What the world answers to an effect: each way that it can go. */
  function answersTo(effect: AttemptEffect): readonly AttemptEvent[] {
    const of = (...types: AttemptEvent['type'][]): AttemptEvent[] =>
      RUN_EVENTS.filter((event) => types.includes(event.type));
    switch (effect.type) {
      case 'ask-for-cell':
        return of('assigned', 'no-room');
      case 'execute':
        return of('ended', 'broke');
      case 'write':
        return of('written', 'store-failed');
      case 'release':
        return of('released', 'store-failed');
      default:
        return [];
    }
  }

  /** A whole run: the world answers what it is asked, and interrupts when it pleases. */
  function liveInTheWorld(choices: readonly number[]) {
    let [state, effects] = attemptLifecycle.start;
    const done = [...effects];
    const interruptions: AttemptEvent['type'][] = [];
    let open: readonly AttemptEvent[] = RUN_EVENTS.filter(({ type }) => type === 'begin');
    for (const choice of choices) {
      if (open.length === 0) break;
      // One in four times an interruption comes before the answer.
      const interrupts = choice % 4 === 0;
      const possible = interrupts ? RUN_EVENTS.slice(-3) : open;
      const event = possible.at((choice >> 2) % possible.length);
      if (event === undefined) break;
      if (interrupts) interruptions.push(event.type);
      [state, effects] = attemptLifecycle.step(state, event);
      done.push(...effects);
      const next = effects.flatMap(answersTo);
      // An interruption while it waits withdraws it from the cells, and asks the store instead.
      if (!interrupts || state.kind === 'over' || next.length > 0) open = next;
    }
    return { state, done, interruptions, waits: open.length > 0 };
  }

  it('never waits for an answer that will not come, and gives its claim back or writes its result', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(10_000), { minLength: 40, maxLength: 60 }), (choices) => {
        const { state, done, interruptions, waits } = liveInTheWorld(choices);
        if (!waits) expect(state.kind).toBe('over');
        if (state.kind !== 'over') return;
        const types = done.map(({ type }) => type);
        expect(types.filter((type) => type === 'write' || type === 'release')).toHaveLength(1);
        const whys = done.flatMap((effect) => (effect.type === 'release' ? [effect.why] : []));
        if (whys.includes('lock-lost')) expect(interruptions).toContain('lock-lost');
        if (types.includes('kill')) expect(interruptions.length).toBeGreaterThan(0);
        if (types.includes('count')) expect(state.error).toBeNull();
      }),
    );
  });

  it('is not executed after losing its lease', () => {
    const events: AttemptEvent[] = [
      { type: 'begin', outcome: 'run' },
      { type: 'lock-lost' },
      { type: 'assigned' },
    ];
    const history = live(attemptLifecycle, events);
    expect(count(history, 'execute')).toBe(0);
    expect(history.at(-1)?.to).toEqual({ kind: 'releasing', why: 'lock-lost' });
  });

  it('does not go back when it is cancelled and then handed back', () => {
    const history = live(attemptLifecycle, [
      { type: 'begin', outcome: 'run' },
      { type: 'assigned' },
      { type: 'cancel' },
      { type: 'hand-back' },
      { type: 'ended', killed: true, again: false },
    ]);
    expect(history.at(-1)?.effects).toEqual([{ type: 'write', what: 'result' }]);
  });
});

describe('an attempt that may run again', () => {
  const run: AttemptEvent[] = [{ type: 'begin', outcome: 'run' }, { type: 'assigned' }];
  const ended: AttemptEvent = { type: 'ended', killed: false, again: true };

  it('gives its claim back', () => {
    const history = live(attemptLifecycle, [...run, ended, { type: 'released' }]);
    expect(history.at(-2)?.effects).toEqual([{ type: 'release', why: 'unreliable' }]);
    expect(history.at(-1)?.to).toEqual({ kind: 'over', error: null });
  });

  it.each(['cancel', 'hand-back'] as const)('does not after %s', (type) => {
    const history = live(attemptLifecycle, [...run, { type }, ended]);
    expect(history.at(-1)?.effects).toEqual([{ type: 'write', what: 'result' }]);
  });
});

describe('a node', () => {
  it('consumes once, leaves Redis once, closes its cells once and last', () => {
    fc.assert(
      fc.property(anyOf(NODE_EVENTS), (events) => {
        const history = live(nodeLifecycle, events);
        for (const once of ['consume', 'stop-consuming', 'await-hand-back']) {
          expect(count(history, once)).toBeLessThanOrEqual(1);
        }
        // A cordoned node may have done both before, as often as it was cordoned.
        const leaving = history.slice(
          history.findIndex(({ effects }) => effects.some(({ type }) => type === 'stop-consuming')),
        );
        for (const once of ['await-grace', 'hand-back']) {
          if (leaving[0]?.event?.type === 'drain') expect(count(leaving, once)).toBeLessThanOrEqual(1);
        }
        const stopped = history.at(-1)?.to.kind === 'stopped';
        const closing = history.at(-1)?.to.kind === 'closing';
        expect(count(history, 'close-cells')).toBe(stopped || closing ? 1 : 0);
        const parted = count(history, 'disconnect') + count(history, 'cut');
        if (stopped) expect(parted).toBe(1);
        else expect(parted).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('alternates between pause and resume, and does neither after it was asked to leave', () => {
    fc.assert(
      fc.property(anyOf(NODE_EVENTS), (events) => {
        let [paused, leaving] = [false, false];
        for (const { event, effects } of live(nodeLifecycle, events)) {
          leaving ||= event?.type === 'drain' || event?.type === 'abandon';
          for (const { type } of effects) {
            if (type !== 'pause' && type !== 'resume') continue;
            expect([paused, leaving]).toEqual([type === 'resume', false]);
            paused = type === 'pause';
          }
        }
      }),
    );
  });
});
