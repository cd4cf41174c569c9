import { describe, expect, it } from 'vitest';
import { HostCompiler } from '../../src/validators/native/compiler.js';

const sources = (files: Record<string, string>, where = 'output_validators/v') => ({
  where,
  files: Object.entries(files).map(([name, text]) => ({ name, bytes: Buffer.from(text) })),
});
const compile = (files: Record<string, string>) => new HostCompiler().compile(sources(files));
const MAIN = 'int main() { return 42; }';
const ELF = Buffer.from('\u007fELF');

describe('the compiler of the host', () => {
  it('makes one object of sources in C++, of headers beside them and in include/', async () => {
    const object = await compile({
      'v.cc': '#include "a.h"\n#include <b.h>\n#include <iostream>\nint main() { std::cout << A + B; }',
      'other.cpp': 'int unused() { return 1; }',
      'a.h': '#define A 1',
      'include/b.h': '#define B 2',
    });
    expect(object.subarray(0, 4)).toEqual(ELF);
  });

  it('takes C, too', async () => {
    const object = await compile({
      'v.c': '#include <math.h>\nint main(int n) { int new = n; return pow(new, 2); }',
    });
    expect(object.subarray(0, 4)).toEqual(ELF);
  });

  it('compiles the same sources once', async () => {
    const compiler = new HostCompiler();
    const [first, again, other] = await Promise.all([
      compiler.compile(sources({ 'v.c': MAIN })),
      compiler.compile(sources({ 'v.c': MAIN })),
      compiler.compile(sources({ 'v.c': 'int main() { return 43; }' })),
    ]);
    expect(again).toBe(first);
    expect(other).not.toEqual(first);
  });

  it.each<[string, Record<string, string>, RegExp]>([
    [
      'an error',
      { 'v.cc': 'int main() {\n  return x;\n}' },
      /does not compile: v\.cc:2:10: error: 'x' was not declared/,
    ],
    ['no main', { 'v.cc': 'int f() { return 1; }' }, /does not compile: .*main/],
    [
      'a function that is missing',
      { 'v.c': 'int f(); int main() { return f(); }' },
      /does not compile: .*undefined reference to .f'/,
    ],
    [
      'a header that is missing',
      { 'v.cc': '#include "gone.h"' },
      /v\.cc:1:10: fatal error: gone\.h: No such file/,
    ],
    ['its standard input', { 'v.cc': '#include "/dev/stdin"' }, /does not compile: /],
    ['a file without end', { 'v.cc': '#include "/dev/zero"' }, /does not compile: /],
    ['a secret of the host', { 'v.c': `#include "/etc/shadow"\n${MAIN}` }, /does not compile: [^$*]*$/],
    [
      'templates without end',
      { 'v.cc': 'template <int N> struct A { A<N + 1> a; };\nA<0> a;\nint main() {}' },
      /does not compile: .*depth exceeds/,
    ],
    [
      'a gigabyte of messages',
      {
        'v.cc': `${'#pragma message "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"\n'.repeat(50_000)}${MAIN}`,
      },
      /does not compile: the compiler printed more than 1 MiB/,
    ],
    ['a program of a gigabyte', { 'v.c': `char a[1 << 30] = {1};\n${MAIN}` }, /does not compile: /],
  ])(
    'says in one line what is wrong with %s',
    async (_name, files, message) => {
      const error = await compile(files).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(Error);
      expect((error as Error).message).toMatch(message);
      expect((error as Error).message).not.toContain('\n');
    },
    120_000,
  );
});
