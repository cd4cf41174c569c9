import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Cell, RunRefusedError, type TranslatedInterpreter } from '@sandpiper/controller';
import { TRANSLATED_GUEST_PATH } from '@sandpiper/guest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runSource } from './local.js';
import { Bench } from './translated.js';

/** What must be right about an interpreter of the engine rpython before it is given a program. */

const bench = new Bench();
let cell: Cell;

beforeAll(async () => {
  cell = await Cell.start({ id: 0, cpu: null, node: null, rpython: null });
});
afterAll(async () => {
  await cell.close();
  bench.remove();
});

function start(more: Partial<TranslatedInterpreter>) {
  return runSource(cell, 'print 42\n', { interpreter: { ...bench.interpreter, ...more } });
}

function compile(name: string, source: string, ...flags: string[]): string {
  const path = bench.write(name, '');
  const compiled = spawnSync('gcc', ['-x', 'c', '-o', path, ...flags, '-'], {
    input: source,
    encoding: 'utf8',
  });
  expect(compiled.stderr).toBe('');
  return path;
}

/** A binary that shows that it was executed, where it can. */
function leavesTrace(name: string, ...flags: string[]): { path: string; trace: string } {
  const trace = join(bench.folder, `${name}-was-executed`);
  const source = `#include <fcntl.h>\nint main(void) { return open("${trace}", O_CREAT | O_WRONLY, 0666) < 0; }\n`;
  return { path: compile(name, source, ...flags), trace };
}

async function refusal(more: Partial<TranslatedInterpreter>): Promise<string> {
  const error = await start(more).then(
    (result) => new Error(`it ran: ${JSON.stringify(result)}`),
    (cause: Error) => cause,
  );
  expect(error).toBeInstanceOf(RunRefusedError);
  expect(error.message).not.toContain('\n');
  // The cell is as good as before.
  expect(await start({})).toMatchObject({ status: 'ok', stdout: '42\n' });
  return error.message;
}

describe('a binary is refused if it', () => {
  it.each<[string, () => string, RegExp]>([
    ['does not exist', () => join(bench.folder, 'nowhere'), /nowhere: no such file$/],
    ['lies below a file', () => `${TRANSLATED_GUEST_PATH}/pypy`, /no such file$/],
    ['is a folder', () => bench.folder, /is not an executable file$/],
    ['is not executable', () => bench.write('plain', 'x', 0o644), /is not an executable file$/],
    ['is empty', () => bench.write('empty', ''), /is not a program for Linux on x86-64$/],
    ['is a script', () => bench.write('script', '#!/bin/sh\n'), /is not a program for Linux on x86-64$/],
    [
      'is a 32-bit program',
      () => bench.altered('m32', '\x7fELF\x02', '\x7fELF\x01'),
      /not a program for Linux/,
    ],
    ['is not a PyPy', () => '/bin/true', /does not answer RPY_SANDBOX_DUMP=1/],
    ['is a stock PyPy', () => '/usr/bin/pypy3', /does not answer RPY_SANDBOX_DUMP=1/],
    [
      'speaks another version',
      () => bench.altered('version', 'Version: 20001', 'Version: 20002'),
      /version: it speaks version 20002 of the sandbox protocol, not 20001$/,
    ],
    [
      'is built for another system',
      () => bench.altered('platform', 'Platform: linux2', 'Platform: darwin'),
      /platform: it is built for darwin, not for Linux$/,
    ],
    [
      'names malformed functions',
      () => bench.altered('funcs', ' access(pi)i ', ' access(pi)z '),
      /not a call's signature: "access\(pi\)z"$/,
    ],
    [
      'lacks a library',
      () =>
        compile(
          'lacking',
          'int main(void) { return 0; }',
          '-Wl,--no-as-needed',
          '-L/tmp',
          ...missingLibrary(),
        ),
      /lacking: does not start: .*libmissing\.so: cannot open shared object file/,
    ],
    [
      'never answers',
      () => compile('mute', 'int main(void) { for (;;) ; }'),
      /does not answer RPY_SANDBOX_DUMP=1/,
    ],
    [
      'answers endlessly',
      () => compile('endless', '#include <stdio.h>\nint main(void) { for (;;) puts("Version: 20001"); }'),
      /does not answer RPY_SANDBOX_DUMP=1/,
    ],
    [
      'dies at once',
      () => compile('dying', '#include <stdlib.h>\nint main(void) { abort(); }'),
      /does not answer RPY_SANDBOX_DUMP=1/,
    ],
  ])('%s', async (_what, executable, message) => {
    expect(await refusal({ executable: executable() })).toMatch(message);
  });

  it('is statically linked, and it is never executed', async () => {
    const { path, trace } = leavesTrace('static', '-static');
    expect(await refusal({ executable: path })).toMatch(/is statically linked/);
    expect(existsSync(trace)).toBe(false);
  });

  it('is statically linked and position-independent, and it is never executed', async () => {
    const { path, trace } = leavesTrace('static-pie', '-static-pie');
    expect(await refusal({ executable: path })).toMatch(/is statically linked/);
    expect(existsSync(trace)).toBe(false);
  });

  it('brings a loader of its own, and it is never executed', async () => {
    const { path, trace } = leavesTrace('own-loader', '-Wl,--dynamic-linker=/tmp/ld.so');
    expect(await refusal({ executable: path })).toMatch(/is loaded by "\/tmp\/ld\.so", not by glibc's/);
    expect(existsSync(trace)).toBe(false);
  });

  it('is set-user-ID, which has no effect', async () => {
    const { path, trace } = leavesTrace('set-user-id');
    chmodSync(path, 0o4755);
    expect(await refusal({ executable: path })).toMatch(/does not answer/);
    expect(existsSync(trace)).toBe(false);
  });

  it('is another program, which the sandbox contains anyway', async () => {
    const { path, trace } = leavesTrace('dynamic');
    expect(await refusal({ executable: path })).toMatch(/does not answer/);
    expect(existsSync(trace)).toBe(false);
  });
});

/** The flags to link with a library that is gone when the program starts. */
function missingLibrary(): string[] {
  const path = bench.write('libmissing.so', '');
  spawnSync('gcc', ['-shared', '-x', 'c', '-o', path, '-'], { input: '' });
  const elsewhere = join(bench.folder, 'gone');
  mkdirSync(elsewhere);
  spawnSync('mv', [path, elsewhere]);
  return [`-L${elsewhere}`, '-lmissing'];
}

describe('a library is refused if it', () => {
  it.each<[string, () => string, RegExp]>([
    ['does not exist', () => join(bench.folder, 'no-library'), /no-library: no such folder$/],
    ['is a file', () => TRANSLATED_GUEST_PATH, /translated-guest: no such folder$/],
    [
      'is another folder',
      () => bench.folder,
      /is not the library of a PyPy: it has no folder lib-python \(it holds lib-python and lib_pypy\)$/,
    ],
    [
      'is half of one',
      () => {
        mkdirSync(join(bench.folder, 'half/lib-python'), { recursive: true });
        writeFileSync(join(bench.folder, 'half/lib_pypy'), '');
        return join(bench.folder, 'half');
      },
      /it has no folder lib_pypy/,
    ],
  ])('%s', async (_what, library, message) => {
    expect(await refusal({ library: library() })).toMatch(message);
  });
});

describe('an interpreter is accepted if it', () => {
  it('lies behind links', async () => {
    const linked = join(bench.folder, 'linked');
    mkdirSync(linked);
    symlinkSync(TRANSLATED_GUEST_PATH, join(linked, 'pypy'));
    symlinkSync(join(bench.library, 'lib-python'), join(linked, 'lib-python'));
    symlinkSync(join(bench.library, 'lib_pypy'), join(linked, 'lib_pypy'));
    expect(await start({ executable: join(linked, 'pypy'), library: linked })).toMatchObject({
      status: 'ok',
      stdout: '42\n',
    });
  });

  it('has functions without a row, which a trace lists', async () => {
    const interpreter = {
      ...bench.interpreter,
      executable: bench.altered('more', ' rmdir(p)i ', ' mkdog(p)i '),
    };
    const tracePath = join(bench.folder, 'trace');
    expect(await runSource(cell, 'print 42\n', { interpreter, tracePath })).toMatchObject({ stdout: '42\n' });
    const trace = readFileSync(tracePath, 'utf8').split('\n');
    expect(trace[0]).toBe('# not in the table of calls: mkdog(p)i');
    expect(trace).toContain('open("main.py", 0, 438) = 3');
  });

  it('was replaced by another meanwhile', async () => {
    const path = bench.write('changing', '');
    spawnSync('cp', [TRANSLATED_GUEST_PATH, path]);
    expect(await start({ executable: path })).toMatchObject({ status: 'ok' });
    bench.altered('changing', 'Version: 20001', 'Version: 30000');
    expect(await refusal({ executable: path })).toMatch(/version 30000/);
  });

  it('was replaced by a static one meanwhile, which is never executed', async () => {
    const path = bench.write('changed', '');
    spawnSync('cp', [TRANSLATED_GUEST_PATH, path]);
    expect(await start({ executable: path })).toMatchObject({ status: 'ok' });
    const { path: other, trace } = leavesTrace('changed-static', '-static');
    spawnSync('cp', [other, path]);
    expect(await refusal({ executable: path })).toMatch(/is statically linked/);
    expect(existsSync(trace)).toBe(false);
  });
});

/** A mount name space of its own has another file there: only root may make one. */
const mayMount = spawnSync('unshare', ['-m', 'true']).status === 0;
if (!mayMount)
  process.stderr.write(
    'no mount name spaces for this user: that the stock interpreter is replaced is not tried\n',
  );

describe.runIf(mayMount)('the stock interpreter is refused if it', () => {
  function runWith(path: string) {
    const script = fileURLToPath(new URL('run-traced.mjs', import.meta.url));
    const command = 'mount --bind "$1" "$(readlink -f /usr/bin/pypy3)" && exec "$2" "$3" "$4"';
    const job = JSON.stringify({ source: 'print(1)' });
    return spawnSync('unshare', ['-m', 'sh', '-c', command, 'sh', path, process.execPath, script, job], {
      encoding: 'utf8',
    });
  }

  it('is statically linked, and it is never executed', () => {
    const { path, trace } = leavesTrace('stock-static', '-static');
    expect(runWith(path).stderr).toMatch(/RunRefusedError: \/usr\/bin\/pypy3: is statically linked/);
    expect(existsSync(trace)).toBe(false);
  });

  it('is a script, and it is never executed', () => {
    const trace = join(bench.folder, 'script-was-executed');
    const path = bench.write('stock-script', `#!/bin/sh\ntouch ${trace}\n`);
    expect(runWith(path).stderr).toMatch(/RunRefusedError: .*is not a program for Linux on x86-64/);
    expect(existsSync(trace)).toBe(false);
  });
});
