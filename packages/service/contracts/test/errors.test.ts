import { describe, expect, it } from 'vitest';
import { errorCode, firstLine, messageOf, toError } from '../src/index.js';

describe('a thrown value', () => {
  it('is the error itself, or becomes one', () => {
    const error = new Error('broken');
    expect(toError(error)).toBe(error);
    expect(toError('broken')).toEqual(error);
    expect(messageOf(error)).toBe('broken');
    expect(messageOf(undefined)).toBe('undefined');
  });

  it('may have a code', () => {
    expect(errorCode(Object.assign(new Error('no such file'), { code: 'ENOENT' }))).toBe('ENOENT');
    for (const other of [new Error('broken'), { code: 5 }, 'ENOENT', null, undefined]) {
      expect(errorCode(other)).toBeUndefined();
    }
  });
});

describe('the first line', () => {
  it('ends at the first line feed', () => {
    expect(firstLine('one\ntwo\nthree')).toBe('one');
    expect(firstLine('one')).toBe('one');
    expect(firstLine('')).toBe('');
  });
});
