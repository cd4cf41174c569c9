import { describe, expect, it } from 'vitest';
import { TerminalText } from '../src/terminal/text.js';

function shown(...pieces: (string | Buffer)[]): string {
  const text = new TerminalText();
  return pieces.map((piece) => text.take(Buffer.from(piece as string))).join('');
}

describe('output escaped for a terminal', () => {
  it('keeps text, tabs and line ends', () => {
    expect(shown('naïve\t42\nçé ☃ 🐦\n')).toBe('naïve\t42\nçé ☃ 🐦\n');
  });

  it.each([
    ['a colour', '\u001b[31mred', '\\x1b[31mred'],
    ['a title', '\u001b]0;owned\u0007', '\\x1b]0;owned\\x07'],
    ['a cursor at the start of the line', 'safe\rfake', 'safe\\rfake'],
    ['a C1 control', '\u009b2J', '\\x9b2J'],
    ['a backspace', 'a\bb', 'a\\x08b'],
    ['an order of reading', 'a\u202eb', 'a\\u202eb'],
    ['a line separator', 'a\u2028b', 'a\\u2028b'],
  ])('shows %s', (_, given, expected) => {
    expect(shown(given)).toBe(expected);
  });

  it('escapes invalid UTF-8 byte by byte', () => {
    expect(shown(Buffer.from([0x61, 0xff, 0xc0, 0x80, 0x62]))).toBe('a\\xff\\xc0\\x80b');
    expect(shown(Buffer.from([0xed, 0xa0, 0x80, 0x62]))).toBe('\\xed\\xa0\\x80b');
    expect(shown(Buffer.from([0xe2, 0x28, 0xa1]))).toBe('\\xe2(\\xa1');
  });

  it('reassembles characters that arrive in pieces', () => {
    const bytes = Buffer.from('☃🐦\u001b');
    expect(shown(...[...bytes].map((byte) => Buffer.from([byte])))).toBe('☃🐦\\x1b');
  });
});
