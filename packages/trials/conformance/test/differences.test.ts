import { describe, expect, it } from 'vitest';
import { parseCommand } from '../src/command.js';
import { agrees, compareAll, compareModule } from '../src/compare.js';
import { covers, parseExpectations } from '../src/differences.js';
import { FAST_MODULES, MODULES } from '../src/modules.js';
import { parseEvent, type SideResult } from '../src/outcome.js';

function side(
  outcomes: Readonly<Record<string, 'pass' | 'fail' | 'skip'>>,
  troubles: string[] = [],
): SideResult {
  const entries = Object.entries(outcomes).map(([id, outcome]) => [id, { outcome, reason: 'why' }] as const);
  return { outcomes: new Map(entries), troubles, deniedCalls: {}, seconds: 1 };
}

describe('the conformance comparison', () => {
  const bare = side({ 'm.C.a': 'pass', 'm.C.b': 'pass', 'm.C.c': 'fail', 'm.D.d': 'pass' });

  it('requires of the sandbox exactly what passes bare', () => {
    const report = compareModule('m', bare, side({ 'm.C.a': 'pass', 'm.C.b': 'skip', 'm.C.c': 'fail' }), []);
    expect(report.unexpected.map(({ id, found }) => [id, found])).toEqual([
      ['m.C.b', 'skip: why'],
      ['m.D.d', 'not run'],
    ]);
    expect(agrees(compareAll([report], [], true))).toBe(false);
  });

  it('accepts listed differences with their reasons', () => {
    const expectations = parseExpectations('# a list\nm.C.b\tneeds a shell\nm.D.*\tneeds threads\n');
    const report = compareModule('m', bare, side({ 'm.C.a': 'pass' }), expectations);
    expect(report.unexpected).toEqual([]);
    expect(report.excepted.map(({ reason }) => reason)).toEqual(['needs a shell', 'needs threads']);
    expect(agrees(compareAll([report], expectations, true))).toBe(true);
  });

  it('reports listed differences that pass or no longer exist', () => {
    const expectations = parseExpectations('m.C.a\tno more\nm.E.*\tgone\n');
    const report = compareModule('m', bare, bare, expectations);
    expect(compareAll([report], expectations, true).stale.map(({ pattern }) => pattern)).toEqual([
      'm.C.a',
      'm.E.*',
    ]);
    expect(compareAll([report], expectations, false).stale.map(({ pattern }) => pattern)).toEqual(['m.C.a']);
  });

  it('compares nothing where nothing passes bare', () => {
    const report = compareModule('m', side({}), side({}), []);
    expect(agrees(compareAll([report], [], true))).toBe(false);
  });
});

describe('the list of expected differences', () => {
  it.each([
    ['m.C.a', 'line 1: is not an id, one tab and a reason'],
    ['m.C.a\tone\ttwo', 'line 1: is not an id, one tab and a reason'],
    ['m.*.a\twhy', 'line 1: "*" may stand at the end only'],
    ['m.C.a\twhy\nm.C.a\twhy', 'line 2: m.C.a is listed twice'],
  ])('refuses %j', (text, message) => {
    expect(() => parseExpectations(text)).toThrow(message);
  });

  it('tells a class from one with a longer name', () => {
    const [expectation] = parseExpectations('m.C.*\twhy');
    if (expectation === undefined) throw new Error('nothing was parsed');
    expect([covers(expectation, 'm.C.a'), covers(expectation, 'm.Class.a')]).toEqual([true, false]);
  });
});

describe('the conformance command line', () => {
  it('takes all modules, the fast ones, or named ones', () => {
    expect(parseCommand([])).toMatchObject({ modules: MODULES, everyModule: true });
    expect(parseCommand(['--ci'])).toMatchObject({ modules: FAST_MODULES, everyModule: false });
    expect(parseCommand(['test_re', 'test_re', 'test_io'])).toMatchObject({
      modules: ['test_re', 'test_io'],
    });
  });

  it.each([[['json']], [['--ci', 'test_re']], [['--patience', '0']], [['--unknown']]])(
    'refuses %j',
    (args) => {
      expect(() => parseCommand(args)).toThrow();
    },
  );
});

describe('output of the conformance driver', () => {
  it('is parsed line by line, ignoring what tests print in between', () => {
    expect(parseEvent('{"event":"done"}')).toEqual({ event: 'done' });
    expect(parseEvent('[1, 2]')).toBeNull();
    expect(parseEvent('Ran 3 tests')).toBeNull();
  });
});
