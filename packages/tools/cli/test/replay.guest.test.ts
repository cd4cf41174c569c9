import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const command = fileURLToPath(new URL('../dist/main.js', import.meta.url));
let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sandpiper-replay-test-'));
  writeFileSync(
    join(folder, 'dice.py'),
    `import random, sys, time
print(random.randrange(10**9), time.time(), sys.stdin.read())
open('left.txt', 'w').write('left')`,
  );
  writeFileSync(join(folder, 'input'), 'given');
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function sandpiper(...args: string[]) {
  return spawnSync(process.execPath, [command, ...args], { cwd: folder, encoding: 'utf8', input: '' });
}

const record = (file: string) =>
  sandpiper('run', '--deterministic', '--seed', 's', '--stdin', 'input', '--transcript', file, 'dice.py');

describe('sandpiper replay', () => {
  it('reports that equal runs are the same', () => {
    expect(record('t.jsonl').status).toBe(0);
    const { stdout, stderr, status } = sandpiper('replay', 't.jsonl');
    expect(stdout).toMatch(/^the same: \d+ calls, digest [0-9a-f]{64}\n$/);
    expect([stderr, status]).toEqual(['', 0]);
  });

  it('names the first call that differs', () => {
    record('t.jsonl');
    const lines = readFileSync(join(folder, 't.jsonl'), 'utf8').split('\n');
    lines[300] = (lines[300] ?? '').replace('"call":"', '"call":"not_');
    writeFileSync(join(folder, 'changed.jsonl'), lines.join('\n'));
    const { stdout, status } = sandpiper('replay', 'changed.jsonl');
    expect(stdout).toMatch(/^differs at call 300\n {2}recorded {2}\{"call":"not_.*\n {2}now .*\n$/);
    expect(status).toBe(1);
  });

  it('detects a truncated recording', () => {
    record('t.jsonl');
    const lines = readFileSync(join(folder, 't.jsonl'), 'utf8').split('\n');
    writeFileSync(join(folder, 'cut.jsonl'), `${lines.slice(0, 100).join('\n')}\n`);
    const { stdout, status } = sandpiper('replay', 'cut.jsonl');
    expect(stdout).toContain('differs at call 100\n  recorded  nothing more\n');
    expect(status).toBe(1);
  });

  it.each([
    ['nothing', 'no such file'],
    ['dice.py', 'line 1: is not JSON'],
    ['other.jsonl', 'line 1: transcript: must be 1'],
    ['short.jsonl', 'line 1: run: '],
  ])('refuses %s in one line', (file, message) => {
    writeFileSync(join(folder, 'other.jsonl'), '{"transcript":2}\n');
    writeFileSync(
      join(folder, 'short.jsonl'),
      '{"transcript":1,"madeBy":{"sandpiper":"","interpreter":""}}\n',
    );
    const { stderr, status } = sandpiper('replay', file);
    expect(stderr).toContain(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(status).toBe(2);
  });
});

describe('run --out', () => {
  it('writes output files of the run to the given paths', () => {
    const { status, stderr } = sandpiper('run', '--out', 'left.txt', '--out', 'left.txt=copy', 'dice.py');
    expect([stderr, status]).toEqual(['', 0]);
    expect(readFileSync(join(folder, 'left.txt'), 'utf8')).toBe('left');
    expect(readFileSync(join(folder, 'copy'), 'utf8')).toBe('left');
  });

  it('names missing output files, and fails', () => {
    const { status, stderr } = sandpiper('run', '--out', 'never', 'dice.py');
    expect(stderr).toBe('sandpiper: --out never: no such file\n');
    expect(status).toBe(1);
  });

  it('does not write through a link', () => {
    symlinkSync(join(folder, 'target'), join(folder, 'link'));
    const { status, stderr } = sandpiper('run', '--out', 'left.txt=link', 'dice.py');
    expect(stderr).toContain('ELOOP');
    expect(status).toBe(1);
  });

  it.each(['../left.txt', '/etc/passwd', 'left.txt='])('refuses %s', (target) => {
    const { status, stderr } = sandpiper('run', '--out', target, 'dice.py');
    expect(stderr).toMatch(/^sandpiper: --out .*\n$/);
    expect(status).toBe(2);
  });
});
