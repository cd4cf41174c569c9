import { describe, expect, test } from 'vitest';
import { expandLua, loadLua, type ReadLua } from '../src/redis/lua-files.js';
import { TAKE_ARGUMENTS } from '../src/scripts/lifecycle.js';
import {
  BEGIN_BATCH_ARGUMENTS,
  SEAL_BATCH_ARGUMENTS,
  STAGE_RUNS_ARGUMENTS,
  STAGED_RUN_FIELDS,
  SUBMIT_RUN_ARGUMENTS,
} from '../src/scripts/submit.js';

/** Scripts that are not there. */
const from =
  (files: Record<string, string>): ReadLua =>
  (name) => {
    const text = files[name];
    if (text === undefined) throw new Error(`no file ${name}`);
    return text;
  };

const load = (main: string, includes: Record<string, string> = {}): string =>
  loadLua('main', from({ main, ...includes }));

describe('the loader of scripts', () => {
  test('writes keys, prefixes and constants as literals', () => {
    expect(load('return KEY.waiting .. PREFIX.run .. id, -CONST.NEWER_MS')).toBe(
      "return '{sandpiper}:waiting' .. '{sandpiper}:run:' .. id, -5000",
    );
  });

  test.each([
    ['return KEY.nowhere', /lua\/main\.lua:1: unknown name KEY\.nowhere/],
    ['local a = 1\nreturn PREFIX.toString', /lua\/main\.lua:2: unknown name PREFIX\.toString/],
    ['return CONST["NEWER_MS"]', /lua\/main\.lua:1: write CONST with a name/],
  ])('refuses %j', (main, message) => {
    expect(() => load(main)).toThrow(message);
  });

  test('names the included file in which a name is unknown', () => {
    const includes = { 'include/one': '-- comment\nreturn CONST.NONE' };
    expect(() => load('-- @include one', includes)).toThrow(
      /lua\/include\/one\.lua:2: unknown name CONST\.NONE/,
    );
  });

  test('includes each file once, before the lines that follow', () => {
    const text = load('-- @include two\n-- @include one\nreturn 3', {
      'include/one': 'local one',
      'include/two': '-- @include one\nlocal two',
    });
    expect(text).toBe('local one\nlocal two\nreturn 3');
  });

  test('refuses an include that is not there', () => {
    expect(() => load('-- @include nowhere')).toThrow(/no file include\/nowhere/);
  });

  test('leaves the flags of a script in its first line, and comments out', () => {
    const text = load('#!lua flags=allow-oom\n-- KEYS: KEY.nowhere\n-- @include one\n\nreturn 1', {
      'include/one': '-- @see CONST.NONE\nlocal one',
    });
    expect(text).toBe('#!lua flags=allow-oom\nlocal one\nreturn 1');
  });

  test('knows the file and line of each line', () => {
    const read = from({ main: 'local a\n-- @include one\nreturn a', 'include/one': 'a = 1' });
    expect(expandLua('main', read).map(({ file, line }) => `${file}:${line}`)).toEqual([
      'main:1',
      'include/one:1',
      'main:3',
    ]);
  });
});

describe('named arguments', () => {
  const namesIn = (script: string, place = /^local ([\w, ]+) =\s+unpack\(ARGV\)$/m): string[] => {
    const names = place.exec(loadLua(script))?.[1] ?? '';
    return names
      .split(', ')
      .map((name) => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()));
  };

  test.each([
    ['intake/submit-run', SUBMIT_RUN_ARGUMENTS],
    ['intake/begin-batch', BEGIN_BATCH_ARGUMENTS],
    ['intake/stage-runs', STAGE_RUNS_ARGUMENTS],
    ['intake/seal-batch', SEAL_BATCH_ARGUMENTS],
    ['lifecycle/take', TAKE_ARGUMENTS],
  ])('of %s have the order of the Lua file', (script, names) => {
    expect(namesIn(script)).toEqual([...names]);
  });

  test('of each staged run have the order of the Lua file', () => {
    const fields = /^ {2}local (index[\w, ]+) = unpack\(ARGV, i, i \+ FIELDS - 1\)$/m;
    expect(namesIn('intake/stage-runs', fields)).toEqual([...STAGED_RUN_FIELDS]);
  });
});
