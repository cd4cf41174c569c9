import { clashOf, REQUEST_BOUNDS, runRequestSchema } from '@sandpiper/contracts';
import { describe, expect, it } from 'vitest';

/** What a request is refused for, and where; null when it is taken. */
function refusal(request: unknown): string | null {
  const parsed = runRequestSchema.safeParse(request);
  if (parsed.success) return null;
  const [issue] = parsed.error.issues;
  return `${issue?.path.join('.')}: ${issue?.message}`;
}

const many = (count: number, word: string) => Array.from({ length: count }, () => word);
const files = (...names: string[]) => names.map((name) => ({ name, content: '' }));

describe('arguments and variables are bounded in bytes', () => {
  it.each<[string, unknown, RegExp]>([
    ['100 x 60000', { args: many(100, 'x'.repeat(60_000)) }, /^args: .* at most 1048576 bytes together/],
    ['42 x 60000', { args: many(42, 'x'.repeat(60_000)) }, /^args: .* together/],
    ['an argument of 128 KiB', { args: ['', 'x'.repeat(128 * 1024)] }, /^args\.1: /],
    [
      'an argument of 128 KiB in UTF-8',
      { args: ['\u20ac'.repeat(44_000)] },
      /^args\.0: at most 131071 bytes/,
    ],
    ['a variable of 128 KiB with its name', { env: { A: 'x'.repeat(131_064) } }, /^env\.A: .* 131071 bytes/],
    ['a variable of 128 KiB in UTF-8', { env: { A: '\u20ac'.repeat(44_000) } }, /^env\.A: .* 131071 bytes/],
    [
      'many variables',
      { env: Object.fromEntries(many(256, 'x'.repeat(5_000)).map((value, i) => [`V${i}`, value])) },
      /^env: .* together/,
    ],
    [
      'both together',
      {
        args: many(100, 'x'.repeat(6_000)),
        env: {
          A: 'x'.repeat(131_000),
          B: 'x'.repeat(131_000),
          C: 'x'.repeat(131_000),
          D: 'x'.repeat(131_000),
        },
      },
      /^env: .* together/,
    ],
  ])('%s', (_what, more, why) => {
    expect(refusal({ source: '', ...(more as object) })).toMatch(why);
  });

  it('arguments and variables that just fit are accepted', () => {
    expect(refusal({ source: '', args: ['x'.repeat(REQUEST_BOUNDS.wordBytes)] })).toBeNull();
    expect(refusal({ source: '', env: { A: 'x'.repeat(REQUEST_BOUNDS.wordBytes - 8) } })).toBeNull();
    expect(refusal({ source: '', args: many(256, 'x'.repeat(4096 - 9)) })).toBeNull();
    expect(refusal({ source: '', args: many(256, 'x'.repeat(4096 - 9)), env: { A: '' } })).toMatch(/^env: /);
  });
});

it('names of output files are bounded in bytes together', () => {
  // Names of 899 bytes; with quotes, commas and brackets 72 of them are 64945 bytes of JSON, 73 are 65847.
  const name = (i: number) => [`${i}`.padEnd(224, 'x'), ...many(3, 'y'.repeat(224))].join('/');
  const names = (count: number) => Array.from({ length: count }, (_, i) => name(i));
  expect(refusal({ source: '', outputs: names(72) })).toBeNull();
  expect(refusal({ source: '', outputs: names(73) })).toMatch(
    /^outputs: the names together take more than 65536/,
  );
});

describe('a stack', () => {
  it.each<[string, object, RegExp | null]>([
    ['of nothing', { stackBytes: 0 }, /^limits\.stackBytes: /],
    ['of less than the interpreter needs', { stackBytes: 2 ** 20 - 1 }, /^limits\.stackBytes: /],
    ['of a word', { stackBytes: 'abc' }, /^limits\.stackBytes: /],
    [
      'above the memory',
      { memoryBytes: 2 ** 24, stackBytes: 2 ** 24 + 1 },
      /^limits\.stackBytes: is more than/,
    ],
    ['above the memory of the defaults', { stackBytes: 2 ** 28 + 1 }, /^limits\.stackBytes: is more than/],
    ['as large as the memory', { memoryBytes: 2 ** 24, stackBytes: 2 ** 24 }, null],
    ['as large as the memory of the defaults', { stackBytes: 2 ** 28 }, null],
  ])('%s', (_what, limits, why) => {
    if (why === null) expect(refusal({ source: '', limits })).toBeNull();
    else expect(refusal({ source: '', limits })).toMatch(why);
  });
});

describe('a path of a file', () => {
  it.each(['a', 'a/b', '/a', '/tmp/a', '/dev/shm/a', '/data/etc/a', '/users/x'])('may be %s', (path) => {
    expect(refusal({ source: '', files: files(path), outputs: [path] })).toBeNull();
  });

  it.each([
    ['/', /a relative or absolute path/],
    ['//a', /a relative or absolute path/],
    ['/a/../b', /a relative or absolute path/],
    ['a/', /a relative or absolute path/],
    ['/etc/passwd', /must not lie in a folder of the system/],
    ['/usr', /must not lie in a folder of the system/],
    ['/proc/self/x', /must not lie in a folder of the system/],
    ['/dev/null', /must not lie in a folder of the system/],
  ])('may not be %s', (path, why) => {
    expect(refusal({ source: '', files: files(path) })).toMatch(why);
    expect(refusal({ source: '', outputs: [path] })).toMatch(why);
  });

  it('of the entry is relative', () => {
    expect(refusal({ source: '', entry: '/main.py' })).toMatch(/^entry: must be a relative path/);
  });
});

describe('files that contradict each other are refused', () => {
  it.each<[string, unknown, RegExp]>([
    [
      'a file below another',
      { files: files('main.py', 'main.py/x') },
      /^files\.1\.name: "main.py" is a file and a folder/,
    ],
    [
      'the other way round',
      { files: files('a/b/c', 'main.py', 'a/b') },
      /^files\.2\.name: "a\/b" is a file and a folder/,
    ],
    ['a name given twice', { files: files('main.py', 'a', 'a') }, /^files\.2\.name: is given twice/],
    ['the entry twice', { files: files('main.py', 'main.py') }, /^files\.1\.name: is given twice/],
    [
      'a file below the source',
      { source: '', files: files('main.py/x') },
      /^files\.0\.name: "main.py" is a file/,
    ],
    [
      'a file above the source',
      { source: '', entry: 'a/b', files: files('a') },
      /^files\.0\.name: "a" is a file/,
    ],
    [
      'outputs below each other',
      { source: '', outputs: ['out', 'other', 'out/x'] },
      /^outputs\.2: "out" is a file/,
    ],
    [
      'the entry twice, once by its absolute path',
      { source: '', files: files('/box/main.py') },
      /^files\.0\.name: is given twice/,
    ],
    [
      'an output twice, once by its absolute path',
      { source: '', outputs: ['out', '/box/out'] },
      /^outputs\.1: is/,
    ],
    ['an output twice', { source: '', outputs: ['out', 'out'] }, /^outputs\.1: is given twice/],
    ['names that are no Unicode', { files: files('main.py', '\ud800') }, /^files\.1\.name: .*Unicode/],
    [
      'too many folders',
      { files: files('main.py', ...many(100, '').map((_, i) => `${i}/${'a/'.repeat(200)}x`)) },
      /^files: .* folders/,
    ],
  ])('%s', (_what, request, why) => {
    expect(refusal(request)).toMatch(why);
  });

  it('file names that only look alike are accepted', () => {
    expect(
      refusal({ files: files('main.py', 'main.py.x', 'main.pyx/a', 'a/b', 'a.b', 'a!', 'a b/c', 'A') }),
    ).toBeNull();
    expect(clashOf(['a/b', 'a-b', 'a', 'b'])).toMatchObject({ index: 2 });
  });
});
