import { describe, expect, it } from 'vitest';
import { loadProblem } from '../../src/package/problem.js';
import { loadSubmissions } from '../../src/submissions/load.js';
import { SUBMISSION_ARCHIVE, unpackArchive } from '../../src/files/archive.js';
import { scratchFolder } from '../put.js';
import { type ZipEntry, zipOf } from '../zip.js';

const { path, put } = scratchFolder();
const unpack = async (entries: readonly ZipEntry[], bounds = SUBMISSION_ARCHIVE) => {
  await put({ 'a.zip': zipOf(entries) });
  return unpackArchive(path('a.zip'), bounds);
};

describe('an archive', () => {
  it.each(['sums.zip', 'sums.kpp'])('%s is a problem, with or without a folder at its top', async (name) => {
    for (const top of ['', 'sums/']) {
      await put({
        [name]: zipOf([
          { name: `${top}problem.yaml`, bytes: 'source: x' },
          { name: `${top}data/secret/1.in`, bytes: 'in' },
          { name: `${top}data/secret/1.ans`, bytes: 'out' },
          { name: `${top}submissions/accepted/a.py`, bytes: '' },
        ]),
      });
      const problem = await loadProblem(path(name));
      expect(problem).toMatchObject({ name: 'sums', path: path(name) });
      expect((await problem.allTests[0]?.answer.read())?.toString()).toBe('out');
      expect(problem.examples.map(({ label }) => label)).toEqual(['accepted/a.py']);
    }
  });

  it('is a submission', async () => {
    await put({
      'bob.zip': zipOf([
        { name: 'bob/', bytes: '' },
        { name: 'bob/main.py', bytes: 'x' },
        { name: '__MACOSX/._a', bytes: '' },
      ]),
    });
    const [bob] = (await loadSubmissions([path('bob.zip')])).submissions;
    expect(bob).toMatchObject({ label: 'bob.zip', fault: null, program: { entry: 'main.py' } });
  });

  it.each<[string, ZipEntry[], RegExp]>([
    ['a name that leads out', [{ name: '../evil.py', bytes: '' }], /a\.zip: .*\.\.\/evil\.py/],
    ['a name that leads out further down', [{ name: 'a/../../evil.py', bytes: '' }], /a\.zip: .*evil\.py/],
    ['an absolute name', [{ name: '/etc/passwd', bytes: '' }], /a\.zip: .*\/etc\/passwd/],
    ['a name of another system', [{ name: '..\\evil.py', bytes: '' }], /a\.zip: .*evil\.py/],
    ['an empty part', [{ name: 'a//b.py', bytes: '' }], /is not a path below the archive/],
    ['a link', [{ name: 'a.py', bytes: '/etc/passwd', mode: 0o120777 }], /"a\.py" is a link/],
    [
      'a name twice',
      [
        { name: 'problem.yaml', bytes: '' },
        { name: 'problem.yaml', bytes: '' },
      ],
      /"problem\.yaml" twice/,
    ],
    [
      'a file as a folder',
      [
        { name: 'a', bytes: '' },
        { name: 'a/b', bytes: '' },
      ],
      /cannot be unpacked/,
    ],
    ['a name that is too long', [{ name: 'x'.repeat(300), bytes: '' }], /is too long a name/],
    ['a bomb', [{ name: 'a.py', bytes: Buffer.alloc(65 * 2 ** 20) }], /unpacks to more than 64 MiB/],
    [
      'a bomb that hides its size',
      [{ name: 'a.py', bytes: Buffer.alloc(2 ** 20), claimedSize: 10 }],
      /cannot be unpacked: /,
    ],
  ])('with %s is refused by name', async (_name, entries, message) => {
    await expect(unpack(entries)).rejects.toThrow(message);
  });

  it('with too many entries, and one that is none, is refused by name', async () => {
    const many = Array.from({ length: 20 }, (_, n) => ({ name: `${n}.py`, bytes: '' }));
    await expect(unpack(many, { ...SUBMISSION_ARCHIVE, entries: 10 })).rejects.toThrow(
      /has 20 entries, at most 10/,
    );
    await put({ 'no.zip': 'no archive' });
    await expect(unpackArchive(path('no.zip'), SUBMISSION_ARCHIVE)).rejects.toThrow(
      /no\.zip: cannot be unpacked: /,
    );
  });
});
