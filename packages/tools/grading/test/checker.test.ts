import { describe, expect, it } from 'vitest';
import { compareOutput, DEFAULT_CHECKER, parseCheckerFlags } from '../src/checker.js';
import { InputError } from '../src/errors.js';

const compare = (output: string, answer: string, flags = '') =>
  compareOutput(Buffer.from(output), Buffer.from(answer), parseCheckerFlags(flags));

describe('the default checker', () => {
  it.each([
    ['the same', '1 2\n3\n', '1 2\n3\n'],
    ['a missing newline at the end', '42', '42\n'],
    ['other white space', ' 1\t2\r\n\n3', '1 2 3'],
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

  it('respects case and spaces with the flags for them', () => {
    expect(compare('yes', 'Yes', 'case_sensitive')).not.toBeNull();
    expect(compare('a  b', 'a b', 'space_change_sensitive')).not.toBeNull();
    expect(compare('a b', 'a b\n', 'space_change_sensitive')).not.toBeNull();
    expect(compare('a b\n', 'a b\n', 'space_change_sensitive')).toBeNull();
  });

  it('compares numbers within tolerances', () => {
    expect(compare('1.0000001', '1', 'float_tolerance 1e-6')).toBeNull();
    expect(compare('1.00001', '1', 'float_tolerance 1e-6')).not.toBeNull();
    expect(compare('1000000.5', '1000000', 'float_relative_tolerance 1e-6')).toBeNull();
    expect(compare('1000000.5', '1000000', 'float_absolute_tolerance 1e-6')).not.toBeNull();
    expect(compare('1e3', '1000', 'float_absolute_tolerance 0')).toBeNull();
    expect(compare('nan', '1', 'float_tolerance 1e9')).not.toBeNull();
    expect(compare('inf', 'INF', 'float_tolerance 1')).toBeNull();
    expect(compare('0x10', '16', 'float_tolerance 1')).not.toBeNull();
  });

  it('compares bytes that are not UTF-8 exactly', () => {
    const bytes = (...values: number[]) => Uint8Array.from(values);
    expect(compareOutput(bytes(0xff, 0x0a), bytes(0xff), DEFAULT_CHECKER)).toBeNull();
    expect(compareOutput(bytes(0xfe), bytes(0xff), DEFAULT_CHECKER)).not.toBeNull();
  });

  it('escapes text of the guest', () => {
    expect(compare('\u001b[2J', 'x')).toBe('line 1: expected "x", got "\\u001b[2J"');
  });

  it.each(['loud', 'float_tolerance', 'float_tolerance -1', 'float_tolerance abc'])(
    'refuses the flags "%s"',
    (flags) => {
      expect(() => parseCheckerFlags(flags)).toThrow(InputError);
    },
  );

  it('handles an output of megabytes in linear time', () => {
    // The deadline of the test is the bound: in quadratic time this would take hours.
    const long = '7 '.repeat(2_000_000);
    expect(compare(long, long)).toBeNull();
  }, 120_000);
});
