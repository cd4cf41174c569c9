import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseCommand } from '../src/command.js';
import { agrees, compareAll, compareModule } from '../src/compare.js';
import { covers, parseExpectations } from '../src/differences.js';
import { FAST_MODULES, MODULES } from '../src/modules.js';
import { ModuleResults } from '../src/module-results.js';
import { parseEvent, type SideResult } from '../src/outcome.js';
import { countReasons, parseReasons, reasonOfDifference } from '../src/reasons.js';

function side(
  outcomes: Readonly<Record<string, 'pass' | 'fail' | 'skip'>>,
  troubles: string[] = [],
): SideResult {
  const entries = Object.entries(outcomes).map(([id, outcome]) => [id, { outcome, reason: 'why' }] as const);
  return { outcomes: new Map(entries), troubles, deniedCalls: {}, seconds: 1, silenceMs: 1 };
}

const both = (bare: SideResult, sandbox: SideResult) => ({ module: 'm', bare, sandbox });

describe('the conformance comparison', () => {
  const bare = side({ 'm.C.a': 'pass', 'm.C.b': 'pass', 'm.C.c': 'fail', 'm.D.d': 'pass' });

  it('requires of the sandbox exactly what passes bare', () => {
    const report = compareModule(
      both(bare, side({ 'm.C.a': 'pass', 'm.C.b': 'skip', 'm.C.c': 'fail' })),
      [],
      [],
    );
    expect(report.unexpected.map(({ id, found }) => [id, found])).toEqual([
      ['m.C.b', 'skip: why'],
      ['m.D.d', 'not run'],
    ]);
    expect(agrees(compareAll([report], [], true), false)).toBe(false);
  });

  it('accepts listed differences with their reasons', () => {
    const expectations = parseExpectations('# a list\nm.C.b\tneeds a shell\nm.D.*\tneeds threads\n');
    const report = compareModule(both(bare, side({ 'm.C.a': 'pass' })), expectations, []);
    expect(report.unexpected).toEqual([]);
    expect(report.excepted.map(({ reason }) => reason)).toEqual(['needs a shell', 'needs threads']);
    expect(agrees(compareAll([report], expectations, true), false)).toBe(true);
  });

  it('reports listed differences that pass or no longer exist', () => {
    const expectations = parseExpectations('m.C.a\tno more\nm.E.*\tgone\n');
    const report = compareModule(both(bare, bare), expectations, []);
    expect(compareAll([report], expectations, true).stale.map(({ pattern }) => pattern)).toEqual([
      'm.C.a',
      'm.E.*',
    ]);
    expect(compareAll([report], expectations, false).stale.map(({ pattern }) => pattern)).toEqual(['m.C.a']);
  });

  it('compares nothing where nothing passes bare', () => {
    const report = compareModule(both(side({}), side({})), [], []);
    expect(agrees(compareAll([report], [], true), false)).toBe(false);
    expect(agrees(compareAll([report], [], true), true)).toBe(true);
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

describe('the table of reasons', () => {
  const table = readFileSync(new URL('../reasons.tsv', import.meta.url), 'utf8');

  it.each([
    ["error: RuntimeError: can't start new thread (threading.py:874)", 'needs threads'],
    [
      'error: BlockingIOError: [Errno 11] Resource temporarily unavailable (_posixsubprocess.py:41)',
      'needs fork',
    ],
    ['error: PermissionError: [Errno 1] Operation not permitted (socket.py:231)', 'needs sockets'],
    ['not run; test_x: PermissionError: [Errno 1] Operation not permitted (socket.py:231)', 'needs sockets'],
    ['fail: AssertionError: 1 != 2 (test_x.py:3)', null],
  ])('%s', (found, reason) => {
    expect(reasonOfDifference(parseReasons(table), { id: 'test.test_x.C.m', found })).toBe(reason);
  });

  it('explains what the list does not, and is counted without details', () => {
    const result = both(
      side({ 'm.C.a': 'pass', 'm.C.b': 'pass' }),
      side({ 'm.C.a': 'fail', 'm.C.b': 'fail' }),
    );
    const expectations = parseExpectations('m.C.a\tneeds fork: a shell\n');
    const report = compareModule(result, expectations, parseReasons('needs fork\tC\\.b: fail\n'));
    expect(report.unexpected).toEqual([]);
    expect(countReasons(report.excepted.map(({ reason }) => reason))).toEqual([['needs fork', 2]]);
  });

  it.each(['needs threads', '\tx', 'needs threads\t(', 'a\tb\tc'])('refuses %j', (text) => {
    expect(() => parseReasons(text)).toThrow('reasons: line 1');
  });
});

describe('results of modules', () => {
  it('are kept in a file, but for a line that was cut off', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sandpiper-results-'));
    try {
      const path = join(folder, 'results');
      const result = both(side({ 'm.C.a': 'pass' }), side({ 'm.C.a': 'fail' }, ['trouble']));
      new ModuleResults(path).add(result);
      appendFileSync(path, '{"module":"n","bare":');
      const again = new ModuleResults(path);
      expect(again.find('m')).toEqual(result);
      expect(again.find('n')).toBeNull();
      again.add({ ...result, module: 'n' });
      expect(new ModuleResults(path).find('n')).toEqual({ ...result, module: 'n' });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('the conformance command line', () => {
  it('takes all modules, the fast ones, or named ones', () => {
    expect(parseCommand([])).toMatchObject({ modules: MODULES, everyModule: true });
    expect(parseCommand(['--all'])).toMatchObject({
      modules: null,
      byReasons: true,
      patienceMs: 120_000,
      leastPatienceMs: 60_000,
    });
    expect(parseCommand(['--ci'])).toMatchObject({ modules: FAST_MODULES, everyModule: false });
    expect(parseCommand(['test_re', 'test_re', 'test_io'])).toMatchObject({
      modules: ['test_re', 'test_io'],
    });
    expect(parseCommand(['--package', 'numpy'])).toMatchObject({
      ...{ modules: null, package: 'numpy', everyModule: false, byReasons: true },
    });
    expect(parseCommand(['--runtime', '/p', '--lib', '/l', 'numpy.lib.tests.test_io'])).toMatchObject({
      ...{ modules: ['numpy.lib.tests.test_io'], runtime: '/p', library: '/l' },
    });
  });

  it.each([
    [['json']],
    [['--ci', 'test_re']],
    [['--all', '--ci']],
    [['--all', 'test_re']],
    [['--package', 'numpy', 'test_re']],
    [['--package', '../numpy']],
    [['--lib', '/l', 'test_re']],
    [['numpy..tests']],
    [['--patience', '0']],
    [['--unknown']],
  ])('refuses %j', (args) => {
    expect(() => parseCommand(args)).toThrow();
  });
});

describe('output of the conformance driver', () => {
  it('is parsed line by line, ignoring what tests print in between', () => {
    expect(parseEvent('{"event":"done"}')).toEqual({ event: 'done' });
    expect(parseEvent('[1, 2]')).toBeNull();
    expect(parseEvent('Ran 3 tests')).toBeNull();
  });
});
