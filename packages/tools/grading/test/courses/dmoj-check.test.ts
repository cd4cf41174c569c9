import { expect, it } from 'vitest';
import { compareDmoj, type DmojCheck } from '../../src/courses/checks/dmoj-check.js';

const share = (check: DmojCheck, output: string, answer: string): number =>
  compareDmoj(check, Buffer.from(output), Buffer.from(answer)).share;
const named = (name: 'standard' | 'easy' | 'identical' | 'linecount'): DmojCheck => ({
  format: 'dmoj',
  name,
});
const floats = (mode: 'default' | 'absolute' | 'relative' = 'default'): DmojCheck => ({
  format: 'dmoj',
  name: 'floats',
  epsilon: 1e-2,
  mode,
});

it('standard compares words line by line, exactly', () => {
  const check = named('standard');
  expect(share(check, '  a  b\r\n\n\nc', 'a b\nc\n')).toBe(1);
  expect(share(check, 'a\nb\nc\n', 'a b\nc\n')).toBe(0);
  expect(share(check, 'A b\nc\n', 'a b\nc\n')).toBe(0);
  expect(share(check, 'a b\nc\nd', 'a b\nc\n')).toBe(0);
  expect(share(check, '', '')).toBe(1);
});

it('floats allows an error, and compares other words exactly', () => {
  expect(share(floats(), 'x 1.001\n', 'x 1\n')).toBe(1);
  expect(share(floats(), 'y 1\n', 'x 1\n')).toBe(0);
  expect(share(floats(), '1005\n', '1000\n')).toBe(1);
  expect(share(floats('absolute'), '1005\n', '1000\n')).toBe(0);
  expect(share(floats('relative'), '-1005', '-1000')).toBe(1);
  expect(share(floats(), 'nan', 'nan')).toBe(0);
  expect(share(floats(), 'one', '1')).toBe(0);
  expect(share(floats(), '1_0', '10')).toBe(1);
  expect(share(floats(), '0x10', '16')).toBe(0);
});

it('easy counts characters, and sorted compares in any order', () => {
  expect(share(named('easy'), 'Ab c', 'C\nbA')).toBe(1);
  expect(share(named('easy'), 'abb', 'ab')).toBe(0);
  const lines: DmojCheck = { format: 'dmoj', name: 'sorted', splitOn: 'lines' };
  expect(share(lines, '2 1\n3', '3\n2  1')).toBe(1);
  expect(share(lines, '1 2\n3', '3\n2 1')).toBe(0);
  expect(share(lines, 'a b', 'a\nb')).toBe(0);
  expect(share({ ...lines, splitOn: 'whitespace' }, '1 2\n3', '3\n2 1')).toBe(1);
});

it('linecount gives a part of the points for each right line', () => {
  const check = named('linecount');
  expect(compareDmoj(check, Buffer.from('1\n 2 \nx\n'), Buffer.from('1\n2\n3\n4\n'))).toEqual({
    share: 0.5,
    reason: '2 of 4 lines are right',
  });
  expect(share(check, '1\n2\n3\n', '1\n2\n')).toBe(0);
  expect(share(check, '1\n2\n', '1\n2\n')).toBe(1);
});

it('identical, rstripped and linematches', () => {
  expect(compareDmoj(named('identical'), Buffer.from('a  b'), Buffer.from('a b')).reason).toMatch(
    /presentation/,
  );
  expect(share({ format: 'dmoj', name: 'rstripped', skipsEmptyLines: false }, 'a  \nb', 'a\nb')).toBe(1);
  expect(share({ format: 'dmoj', name: 'rstripped', skipsEmptyLines: false }, 'a\n\nb', 'a\nb')).toBe(0);
  const matches: DmojCheck = {
    format: 'dmoj',
    name: 'linematches',
    distribution: [1, 3],
    needsAllLines: true,
  };
  expect(compareDmoj(matches, Buffer.from('x\nb'), Buffer.from('a\nb'))).toEqual({
    share: 0.75,
    reason: null,
  });
});

it('a long run of spaces takes no quadratic time', () => {
  const output = `a${' '.repeat(500_000)}b`;
  for (const name of ['standard', 'linecount'] as const)
    expect(share(named(name), output, 'a b')).toBeLessThan(2);
  expect(share({ format: 'dmoj', name: 'rstripped', skipsEmptyLines: true }, output, 'a b')).toBe(0);
});
