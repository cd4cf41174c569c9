import {
  ByteEncoder,
  bytesOf,
  encodeBytes,
  fieldsOf,
  oneLine,
  outputFileSchema,
  textOf,
} from '@sandpiper/contracts';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const ALLOWANCE = 4096;
const PIECES: Readonly<Record<string, string>> = {
  NUL: '00',
  'a control byte': '1b',
  newlines: '0a',
  quotes: '22',
  backslashes: '5c',
  DEL: '7f',
  letters: '61',
  'two bytes': 'c3a9',
  'U+2028': 'e280a8',
  'U+FFFF': 'efbfbf',
  'a byte order mark': 'efbbbf',
  'four bytes': 'f09f9982',
  'no UTF-8': '80',
  'a surrogate': 'eda080',
  'UTF-8 that is broken off': 'f09f99',
  'text and NUL': '6100',
  'text and what is no UTF-8': '610a22ff',
};
const SIZES = [0, 1, 2, 3, 100, ALLOWANCE, 3 * ALLOWANCE, 300_001];

const filled = (hex: string, size: number): Buffer => Buffer.alloc(size, Buffer.from(hex, 'hex'));
const jsonOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

describe('bytes in a result', () => {
  it.each(Object.entries(PIECES))('%s: take at most 1.4 times as much, and come back', (_name, hex) => {
    for (const size of SIZES) {
      const bytes = filled(hex, size);
      const result = fieldsOf('stdout', encodeBytes(bytes));
      expect(jsonOf(result)).toBeLessThanOrEqual(1.4 * size + ALLOWANCE + jsonOf({ stdoutBase64: '' }));
      expect(Object.keys(result)).toHaveLength(1);
      expect(bytesOf(result, 'stdout').equals(bytes)).toBe(true);
    }
  });

  it('are text as long as their JSON is short enough, to the byte', () => {
    const text = fc.string({ unit: 'binary', maxLength: 200 }); // no lone surrogates
    fc.assert(
      fc.property(text, fc.integer({ min: 0, max: 300 }), (one, allowance) => {
        const bytes = Buffer.from(one);
        const isShort = jsonOf(one) - 2 <= Math.floor(1.4 * bytes.length) + allowance;
        expect(encodeBytes(bytes, allowance)).toEqual(
          isShort ? { text: one } : { base64: bytes.toString('base64') },
        );
      }),
    );
  });

  it('share one allowance among all values', () => {
    const encoder = new ByteEncoder();
    const values = Array.from({ length: 100 }, () => filled('00', 500));
    const encoded = values.map((bytes) => fieldsOf('content', encoder.encode(bytes)));
    expect(encoded.filter((file) => 'content' in file)).toHaveLength(1);
    const own = encoded.reduce((sum, file) => sum + jsonOf(Object.values(file)[0]) - 2, 0);
    expect(own).toBeLessThanOrEqual(1.4 * 500 * 100 + ALLOWANCE);
  });

  it('are read as text with U+FFFD for invalid UTF-8', () => {
    expect(textOf({ stdoutBase64: Buffer.from('a\xffb', 'latin1').toString('base64') }, 'stdout')).toBe(
      'a\ufffdb',
    );
    expect(textOf({ stdout: 'é' }, 'stdout')).toBe('é');
    expect(textOf({}, 'stdout')).toBe('');
  });

  it('are in exactly one of two fields', () => {
    const accepts = (file: object): boolean => outputFileSchema.safeParse({ name: 'a', ...file }).success;
    expect(accepts({ content: '' })).toBe(true);
    expect(accepts({ contentBase64: '' })).toBe(true);
    expect(accepts({})).toBe(false);
    expect(accepts({ content: 'a', contentBase64: 'YQ==' })).toBe(false);
  });
});

describe('a message', () => {
  it('is one line of bounded length, whatever its content', () => {
    expect(oneLine('exit code 1')).toBe('exit code 1');
    expect(oneLine('a\nb\u009bc\u2028d\ud800')).toBe('a\\x0ab\\x9bc\\u2028d\\ud800');
    for (const unit of ['x', '\n', '\0', '🙂', '\u2028']) {
      const line = oneLine(unit.repeat(10_000));
      expect(line.length).toBeLessThanOrEqual(500);
      expect(line).toMatch(/^[^\n]*\.\.\.$/);
      expect(jsonOf(line)).toBeLessThan(3000);
    }
  });
});
