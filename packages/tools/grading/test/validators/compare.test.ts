import { afterEach, describe, expect, it } from 'vitest';
import { InputError } from '../../src/files/errors.js';
import { compareOutput } from '../../src/validators/compare.js';
import { Comparer } from '../../src/validators/comparer.js';
import { DEFAULT_CHECKER, parseCheckerFlags } from '../../src/validators/flags.js';

const flagsOf = (flags: string) => parseCheckerFlags(flags.split(' ').filter((word) => word !== ''));
const compare = (output: string, answer: string, flags = '') =>
  compareOutput(Buffer.from(output), Buffer.from(answer), flagsOf(flags));
const bytes = (...values: number[]) => Uint8Array.from(values);

describe('the default output validator', () => {
  it.each([
    ['the same', '1 2\n3\n', '1 2\n3\n'],
    ['a missing newline at the end', '42', '42\n'],
    ['other white space', ' 1\t2\r\n\n3\v\f', '1 2 3'],
    ['another case', 'Yes', 'YES'],
    ['nothing where nothing is expected', '\n', ''],
  ])('accepts %s', (_name, output, answer) => {
    expect(compare(output, answer)).toBeNull();
  });

  it.each([
    ['a wrong token', '1 2 4', '1 2 3', 'line 1: expected "3", got "4"'],
    ['a wrong line', '1\n\n5\n', '1\n2\n', 'line 3: expected "2", got "5"'],
    ['too little', '1 2', '1 2 3', 'the output ends before token 3, "3"'],
    ['too much', '1 2\n3', '1 2', 'more output than expected, from line 2'],
    ['nothing', '', 'x', 'the output ends before token 1, "x"'],
    ['1.0 for 1 without a tolerance', '1.0', '1', 'line 1: expected "1", got "1.0"'],
  ])('refuses %s', (_name, output, answer, reason) => {
    expect(compare(output, answer)).toBe(reason);
  });

  it('folds ASCII letters and no others', () => {
    expect(compare('aZ[', 'Az[')).toBeNull();
    expect(compare('@', '`')).not.toBeNull();
    expect(compare('\u212a', 'k')).not.toBeNull();
    expect(compare('é', 'É')).not.toBeNull();
    expect(compareOutput(bytes(0xe9), bytes(0xc9), DEFAULT_CHECKER)).not.toBeNull();
    expect(compareOutput(bytes(0xff, 0x0a), bytes(0xff), DEFAULT_CHECKER)).toBeNull();
    expect(compareOutput(bytes(0xc2, 0xa0), bytes(0xc2, 0xa0), DEFAULT_CHECKER)).toBeNull();
  });

  it('respects case and spaces with the flags for them', () => {
    expect(compare('yes', 'Yes', 'case_sensitive')).not.toBeNull();
    expect(compare('a  b', 'a b', 'space_change_sensitive')).not.toBeNull();
    expect(compare('a\tb', 'a b', 'space_change_sensitive')).not.toBeNull();
    expect(compare(' a b', 'a b', 'space_change_sensitive')).not.toBeNull();
    expect(compare('a b', 'a b\n', 'space_change_sensitive')).not.toBeNull();
    expect(compare('a b\n', 'a b\n', 'space_change_sensitive')).toBeNull();
    expect(compare('A 1.01\n', 'a 1\n', 'space_change_sensitive float_tolerance 0.1')).toBeNull();
  });

  it('compares numbers within tolerances', () => {
    expect(compare('1.0000001', '1', 'float_tolerance 1e-6')).toBeNull();
    expect(compare('1.00001', '1', 'float_tolerance 1e-6')).not.toBeNull();
    expect(compare('1000000.5', '1000000', 'float_relative_tolerance 1e-6')).toBeNull();
    expect(compare('1000000.5', '1000000', 'float_absolute_tolerance 1e-6')).not.toBeNull();
    expect(
      compare('1000000.5', '1000000', 'float_absolute_tolerance 1 float_relative_tolerance 0'),
    ).toBeNull();
    expect(compare('1e3', '1000', 'float_absolute_tolerance 0')).toBeNull();
    expect(compare('.5', '0.5', 'float_tolerance 0')).toBeNull();
    expect(compare('5.', '5', 'float_tolerance 0')).toBeNull();
    expect(compare('x', '1', 'float_tolerance 1e9')).not.toBeNull();
    expect(compare('nan', '1', 'float_tolerance 1e9')).not.toBeNull();
    expect(compare('inf', 'INF', 'float_tolerance 1')).toBeNull();
    expect(compare('0x10', '16', 'float_tolerance 1')).not.toBeNull();
    expect(compare('1e', '1', 'float_tolerance 1')).not.toBeNull();
    expect(compare('1', 'one', 'float_tolerance 1')).not.toBeNull();
  });

  it('escapes and shortens text of the guest', () => {
    expect(compare('\u001b[2J', 'x')).toBe('line 1: expected "x", got "\\u001b[2J"');
    expect(compare('y'.repeat(100), 'x')).toBe(`line 1: expected "x", got "${'y'.repeat(40)}..."`);
  });

  it.each([
    'loud',
    'float_tolerance',
    'float_tolerance -1',
    'float_tolerance abc',
    'float_tolerance 1 float_tolerance 1',
    'float_absolute_tolerance 1 float_absolute_tolerance 2',
    'float_tolerance 1 float_relative_tolerance 1',
    'float_absolute_tolerance 1 float_tolerance 1',
  ])('refuses the flags "%s"', (flags) => {
    expect(() => flagsOf(flags)).toThrow(InputError);
  });

  it('handles an output of megabytes in linear time', () => {
    // The deadline of the test is the bound: in quadratic time this would take hours.
    const long = '7 '.repeat(2_000_000);
    expect(compare(long, long)).toBeNull();
    expect(compare(`${' '.repeat(4_000_000)}8`, '7')).toBe('line 1: expected "7", got "8"');
  }, 120_000);
});

describe('large outputs', () => {
  const comparer = new Comparer();
  afterEach(() => comparer.close());

  it('are compared in a thread, while this one goes on', async () => {
    const long = Buffer.from('1.5 abc\n'.repeat(500_000));
    const wrong = Buffer.concat([long, Buffer.from('x')]);
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    const found = await Promise.all([
      comparer.compare(long, long, DEFAULT_CHECKER),
      comparer.compare(wrong, long, DEFAULT_CHECKER),
      comparer.compare(long, wrong, flagsOf('float_tolerance 1e-9 space_change_sensitive')),
      comparer.compare(Buffer.from('1'), Buffer.from('2'), DEFAULT_CHECKER),
    ]);
    clearInterval(timer);
    expect(found).toEqual([
      null,
      'more output than expected, from line 500001',
      'the output ends before token 2000001, "x"',
      'line 1: expected "2", got "1"',
    ]);
    expect(turns).toBeGreaterThan(0);
  }, 60_000);
});
