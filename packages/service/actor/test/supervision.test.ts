import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CausedDeath,
  childLifecycle,
  explore,
  type ChildEffect,
  type ChildEvent,
  type ChildState,
} from '@sandpiper/actor';

const policy = { firstBackOffMs: 10, maxBackOffMs: 160, maxFailures: 3, windowMs: 1_000 };
const lifecycle = childLifecycle(policy);
const error = new Error('dead');

/** What can happen, with time that goes on by `after` before it. */
const happening = fc.record({
  type: fc.constantFrom('up', 'ended', 'healthy', 'rested', 'stop'),
  after: fc.nat(600),
});

function toEvent(type: string, at: number): ChildEvent {
  switch (type) {
    case 'ended':
      return { type, at, error };
    case 'healthy':
      return { type, at };
    default:
      return { type: type as 'up' | 'rested' | 'stop' };
  }
}

function live(happenings: readonly { type: string; after: number }[]) {
  const history: { from: ChildState; event: ChildEvent; to: ChildState; effects: readonly ChildEffect[] }[] =
    [];
  let [state] = lifecycle.start;
  let now = 0;
  for (const { type, after } of happenings) {
    now += after;
    const event = toEvent(type, now);
    const [to, effects] = lifecycle.step(state, event);
    history.push({ from: state, event, to, effects });
    state = to;
  }
  return history;
}

const types = (effects: readonly ChildEffect[]): string[] => effects.map(({ type }) => type);

describe('the lifecycle of a supervised child', () => {
  it('never starts a running child, nor any child after its end', () => {
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 60 }), (happenings) => {
        let alive = true;
        let ending = false;
        for (const { from, event, to, effects } of live(happenings)) {
          if (event.type === 'ended') alive = false;
          for (const effect of types(effects)) {
            if (effect === 'start') {
              expect([alive, ending]).toEqual([false, false]);
              alive = true;
            }
            if (effect === 'close') {
              expect([alive, ending]).toEqual([true, false]);
              ending = true;
            }
          }
          if (from.kind === 'stopped') expect([to, effects]).toEqual([from, []]);
        }
      }),
    );
  });

  it('backs off within its bounds, longer with each death in a row', () => {
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 60 }), (happenings) => {
        let before = 0;
        for (const { event, effects } of live(happenings)) {
          if (event.type === 'healthy') before = 0;
          for (const effect of effects) {
            if (effect.type !== 'rest') continue;
            expect(effect.ms).toBeGreaterThanOrEqual(Math.max(policy.firstBackOffMs, before));
            expect(effect.ms).toBeLessThanOrEqual(policy.maxBackOffMs);
            before = effect.ms;
          }
        }
      }),
    );
  });

  it('escalates exactly at the maximum number of deaths within the window, and recovers', () => {
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 80 }), (happenings) => {
        let told = false;
        const deaths: number[] = [];
        for (const { from, event, effects } of live(happenings)) {
          const counts = event.type === 'ended' && (from.kind === 'starting' || from.kind === 'up');
          if (counts) deaths.push(event.at);
          const inWindow = (now: number): number => deaths.filter((at) => now - at < policy.windowMs).length;
          if (counts && !told) {
            expect(types(effects).includes('escalate')).toBe(inWindow(event.at) >= policy.maxFailures);
          }
          for (const effect of types(effects)) {
            if (effect === 'escalate') {
              expect(told).toBe(false);
              told = true;
            }
            if (effect === 'recover') {
              expect(told).toBe(true);
              told = false;
              expect(event.type === 'healthy' && inWindow(event.at) < policy.maxFailures).toBe(true);
            }
          }
        }
      }),
    );
  });

  it.each([
    ['one cause', ['a', 'a', 'a', 'a', 'a', 'a'], false],
    ['two causes', ['a', 'b', 'a', 'b', 'a', 'b'], false],
    ['as many causes as deaths are allowed', ['a', 'b', 'c'], true],
    ['one cause, and two deaths without', ['a', null, 'a', null], true],
  ])('counts the deaths of one cause once: %s', (_what, causes, escalates) => {
    let [state] = lifecycle.start;
    const seen: string[] = [];
    for (const [at, cause] of causes.entries()) {
      const died = cause === null ? error : new CausedDeath(error, cause);
      for (const event of [{ type: 'ended', at, error: died }, toEvent('rested', at)] as const) {
        const [to, effects] = lifecycle.step(state, event);
        state = to;
        seen.push(...types(effects));
      }
    }
    expect(seen.includes('escalate')).toBe(escalates);
  });

  it('can leave every state except the terminal one', () => {
    const events = [
      toEvent('up', 0),
      toEvent('ended', 0),
      toEvent('healthy', 0),
      toEvent('rested', 0),
      toEvent('stop', 0),
    ];
    const edges = explore(lifecycle, events);
    const kinds = new Set(edges.map(({ from }) => from.kind));
    expect([...kinds].sort()).toEqual(['resting', 'starting', 'stopped', 'stopping', 'up']);
    for (const kind of kinds) {
      const leaves = edges.some(({ from, to }) => from.kind === kind && to.kind !== kind);
      expect(leaves).toBe(kind !== 'stopped');
    }
  });

  it('reports a lifecycle with an unbounded counter', () => {
    const counting = {
      start: [{ kind: 'at', n: 0 }, []] as const,
      step: (state: { kind: string; n: number }) => [{ kind: 'at', n: state.n + 1 }, []] as const,
      isTerminal: () => false,
    };
    expect(() => explore(counting, [{ type: 'tick' }], 100)).toThrow('more than 100 states');
  });
});
