import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const SANDPIPER = fileURLToPath(new URL('../../../../sandpiper', import.meta.url));

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sandpiper-expected-'));
  writeFileSync(join(folder, 'next.py'), 'print(float(input()) + 1)\n');
  writeFileSync(join(folder, 'broken.py'), 'print(\n');
  writeFileSync(join(folder, 'loop.py'), 'while True: pass\n');
  writeFileSync(join(folder, '1.in'), '41\n');
  writeFileSync(join(folder, '1.ans'), '42.0\n');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(...args: string[]): { code: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(SANDPIPER, ['run', '--stdin', '1.in', ...args], {
    cwd: folder,
  });
  return { code: status, out: String(stdout), err: String(stderr) };
}

describe('sandpiper run --expected', () => {
  it('prints the output, the verdict and the reason', () => {
    expect(run('--expected', '1.ans', 'next.py')).toEqual({ code: 0, out: '42.0\n', err: 'sandpiper: AC\n' });
    writeFileSync(join(folder, '2.ans'), '42\n');
    expect(run('--expected', '2.ans', 'next.py')).toEqual({
      code: 1,
      out: '42.0\n',
      err: 'sandpiper: WA: line 1: expected "42", got "42.0"\n',
    });
    const flags = 'case_sensitive float_tolerance 1e-6';
    expect(run('--expected', '2.ans', '--checker', flags, 'next.py')).toMatchObject({ code: 0 });
  });

  it('has the exit code of the run where that did not end well', () => {
    const broken = run('--expected', '1.ans', 'broken.py');
    expect(broken).toMatchObject({ code: 1, out: '' });
    expect(broken.err).toMatch(/sandpiper: CE: SyntaxError/);
    expect(run('--expected', '1.ans', '--time', '100ms', 'loop.py').code).toBe(124);
  });

  it('is in the JSON of the result', () => {
    const { out } = run('--expected', '1.ans', '--json', 'next.py');
    expect(JSON.parse(out)).toMatchObject({ status: 'ok', verdict: 'AC' });
  });

  it('refuses what makes no sense, in one line', () => {
    const refused = (...args: string[]): string => {
      const { code, err } = run(...args);
      expect(code).toBe(2);
      return err;
    };
    expect(refused('--checker', 'case_sensitive', 'next.py')).toBe(
      'sandpiper: --checker needs --expected FILE\n',
    );
    expect(refused('--expected', 'none.ans', 'next.py')).toBe('sandpiper: none.ans: no such file\n');
    expect(refused('--expected', '1.ans', '--checker', 'x', 'next.py')).toBe(
      'sandpiper: --checker: unknown flag "x"\n',
    );
    expect(refused('--expected', '1.ans', '--combined', 'next.py')).toBe(
      'sandpiper: --expected does not go with --combined\n',
    );
  });
});
