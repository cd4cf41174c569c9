import { describe, expect, it } from 'vitest';
import { excerptOf, type OutputExcerpt } from '../../src/report/outputs/excerpt.js';

const excerpt = (expected: string | Buffer, got: string | Buffer, stderr = ''): OutputExcerpt =>
  excerptOf(Buffer.from(got), Buffer.from(expected), Buffer.from(stderr));

const side = ({ pieces }: OutputExcerpt, kind: 1 | 2): string =>
  pieces.flatMap(([own, text]) => (own === 0 || own === kind ? [text] : [])).join('');

describe('an excerpt of what a program wrote', () => {
  it('has both sides whole where they are short, and tells what differs', () => {
    const found = excerpt('1\n2\n3\n', '1\n5\n3\n');
    expect(found.pieces).toEqual([
      [0, '1\n'],
      [1, '2'],
      [2, '5'],
      [0, '\n3\n'],
    ]);
    expect(found).toMatchObject({ fromLine: 1, expectedIsCut: false, gotIsCut: false, stderr: '' });
  });

  it('begins shortly before the first difference of long outputs, and says what is left out', () => {
    const lines = Array.from({ length: 5000 }, (_, n) => `line ${n}\n`);
    const expected = lines.join('');
    const found = excerpt(expected, expected.replace('line 4000\n', 'other\n'));
    expect(side(found, 1)).toContain('line 4000\n');
    expect(side(found, 2)).toContain('other\n');
    expect(found.fromLine).toBeGreaterThan(3950);
    expect(found).toMatchObject({ expectedIsCut: true, gotIsCut: true, expectedBytes: expected.length });
    expect(side(found, 1).split('\n')[0]).toBe(lines[found.fromLine - 1]?.trim());
  });

  it('passes over white space and case, unless nothing else differs', () => {
    const padding = 'Same words\n'.repeat(500);
    const found = excerpt(`${padding}1 2\n`, `${padding.replaceAll(' ', '  ').toLowerCase()}1 3\n`);
    expect(side(found, 1).endsWith('1 2\n')).toBe(true);
    expect(side(found, 2).endsWith('1 3\n')).toBe(true);
    expect(side(excerpt('a b\n', 'a  b\n'), 2)).toBe('a  b\n');
  });

  it('has at most 1500 bytes of each side and of the end of stderr, whatever was written', () => {
    for (const got of ['x'.repeat(1e6), 'a b '.repeat(1e5), '\n'.repeat(1e6), '']) {
      const found = excerpt('y z '.repeat(1e5), got, `${'e'.repeat(1e6)}END`);
      expect(side(found, 1).length).toBeLessThanOrEqual(1500);
      expect(side(found, 2).length).toBeLessThanOrEqual(1500);
      expect(found.stderr).toHaveLength(1500);
      expect(found.stderr.endsWith('END')).toBe(true);
    }
  });

  it('shows controls and bytes that are no text', () => {
    const found = excerpt('a', Buffer.from('\u001b[31m\u202e\u0000\xff', 'latin1'), '\u001b[0m');
    expect(side(found, 2)).toContain('\\x1b[31m');
    expect(side(found, 2)).not.toMatch(/\p{Cc}/u);
    expect(found.stderr).toBe('\\x1b[0m');
  });

  it('of very different outputs is soon there', () => {
    const words = (seed: number): string =>
      Array.from({ length: 400 }, (_, n) => String((n * seed) % 977)).join(' ');
    const found = excerpt(words(7), words(13));
    expect(side(found, 1)).toBe(words(7).slice(0, 1500));
    expect(side(found, 2)).toBe(words(13).slice(0, 1500));
  });
});
