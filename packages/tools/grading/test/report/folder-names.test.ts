import { describe, expect, it } from 'vitest';
import { reportFolders, safeNames } from '../../src/report/folder-names.js';

describe('names of folders', () => {
  it.each([
    ['alice.py', 'alice.py'],
    ['accepted/a b.py', 'accepted_a_b.py'],
    ['../../etc/passwd', '__.._etc_passwd'],
    ['..', '_'],
    ['.', '_'],
    ['', '_'],
    ['.bashrc', '_bashrc'],
    ['-rf', '_rf'],
    ['a\u0000b\n\u001b[31m\u202ec', 'a_b_31m_c'],
    ['C:\\windows', 'C_windows'],
    ['con.py', '_con.py'],
    ['dot.', 'dot_'],
    ['\ud800', '_'],
    ['Zoë 日本.py', 'Zoë_日本.py'],
  ])('of %j is %j', (given, name) => {
    expect(safeNames([given]).names).toEqual([name]);
  });

  it('are at most 120 bytes long, and whole characters', () => {
    const [name = ''] = safeNames(['é'.repeat(500)]).names;
    expect(Buffer.byteLength(name)).toBeLessThanOrEqual(120);
    expect(name).toMatch(/^é+$/);
  });

  it('are all different, where case does not count either, and say what was changed', () => {
    const { names, collisions } = safeNames(['a b', 'a_b', 'A/B', 'a_b-2', 'other']);
    expect(names).toEqual(['a_b', 'a_b-2', 'A_B-3', 'a_b-2-2', 'other']);
    expect(collisions.map(({ given }) => given)).toEqual(['a_b', 'A/B', 'a_b-2']);
  });

  it('of 20,000 equal names are different', () => {
    expect(new Set(safeNames(Array.from({ length: 20_000 }, () => 'x')).names).size).toBe(20_000);
  });

  it('tell the user what lies elsewhere', () => {
    const { notes } = reportFolders([{ name: 'Sums', labels: ['a/b', 'a_b'] }]);
    expect(notes).toEqual(['"a_b" of Sums is in the folder a_b-2, since another has its name']);
  });
});
