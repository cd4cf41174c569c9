import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RunResult } from '@sandpiper/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const SANDPIPER = fileURLToPath(new URL('../../../../sandpiper', import.meta.url));

const PROGRAM = `
import os, sys
print(sys.stdin.readline().strip(), flush=True)
for n in range(50): os.write(1 + n % 2, b"%d " % n)
print(file=sys.stderr)
print("buffered")
raise KeyError("last")
`;

let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sandpiper-combined-'));
  writeFileSync(join(folder, 'program.py'), PROGRAM);
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function ended(script: string, ...command: string[]) {
  const { status, stdout, stderr } = spawnSync(
    'bash',
    ['--norc', '-c', `echo in | ${script}`, '-', ...command],
    {
      cwd: folder,
      encoding: 'utf8',
      env: { PATH: process.env['PATH'] ?? '', LANG: 'C.UTF-8' },
    },
  );
  return { status, stdout, stderr };
}

describe('sandpiper run --combined', () => {
  it('writes what pypy3 writes with 2>&1', () => {
    const bare = ended('"$@" program.py 2>&1', 'pypy3');
    expect(bare.stdout).toContain('0 1 2 3 ');
    expect(ended('"$@" program.py', SANDPIPER, 'run', '--combined')).toEqual(bare);
  });

  it('has one output in the result, within the limit of output', () => {
    const bare = ended('"$@" program.py 2>&1', 'pypy3');
    const resultOf = (...more: string[]) =>
      JSON.parse(
        ended('"$@" program.py', SANDPIPER, 'run', '--combined', '--json', ...more).stdout,
      ) as RunResult;
    const all = resultOf();
    expect(all).toMatchObject({ status: 'runtime-error', combined: bare.stdout, stdout: '', stderr: '' });
    const cut = resultOf('--output', '20b');
    expect(cut).toMatchObject({ status: 'output-limit', combined: bare.stdout.slice(0, 20), stdout: '' });
    expect([cut.stdoutTruncated, cut.stderrTruncated].filter(Boolean)).toHaveLength(1);
  });
});

describe('sandpiper run --retry-unreliable', () => {
  it('prints at the end what the program would have printed, with input from a pipe', () => {
    const bare = ended('"$@" program.py', 'pypy3');
    const run = ['run', '--retry-unreliable', '1'];
    expect(ended('"$@" program.py', SANDPIPER, ...run)).toEqual(bare);
    expect(ended('"$@" program.py', SANDPIPER, ...run, '--combined')).toEqual(
      ended('"$@" program.py 2>&1', 'pypy3'),
    );
  });

  it('is from 0 to 5', () => {
    expect(ended('"$@" program.py', SANDPIPER, 'run', '--retry-unreliable', '6')).toEqual({
      status: 2,
      stdout: '',
      stderr: 'sandpiper: --retry-unreliable needs a whole number from 0 to 5, not "6"\n',
    });
  });
});
