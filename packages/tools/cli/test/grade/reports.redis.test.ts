import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { GradingReport } from '@sandpiper/grading';
import { afterEach, beforeEach, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../../../../', import.meta.url));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reports-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const at = (name: string): string => join(folder, name);
const read = (name: string): Promise<string> => readFile(at(name), 'utf8');

async function put(name: string, content: string): Promise<void> {
  await mkdir(dirname(at(name)), { recursive: true });
  await writeFile(at(name), content);
}

function grade(...words: string[]): Promise<{ stdout: string; stderr: string }> {
  return promisify(execFile)('./sandpiper', ['grade', ...words], { cwd: ROOT, timeout: 280_000 });
}

it('after Ctrl-C there are results so far, and --resume goes on from them', async () => {
  await put('problems/p/problem.yaml', 'name: P\nlimits: {time_limit: 10, memory: 64}\n');
  for (const n of [1, 2, 3, 4, 5, 6]) {
    await put(`problems/p/data/secret/${n}.in`, `${n}\n`);
    await put(`problems/p/data/secret/${n}.ans`, `${n}\n`);
  }
  // The last test ends only in the second run, whose program finds another answer to its question.
  await put('submissions/p/quick.py', 'print(input())\n');
  await put('submissions/p/slow.py', 'n = input()\nwhile n == "6": pass\nprint(n)\n');
  const child = spawn('./sandpiper', ['grade', folder, '--json', at('out.json'), '--csv', at('out.csv')], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let told = '';
  let isRunning = true;
  child.stderr.on('data', (chunk: Buffer) => {
    told += chunk.toString('utf8');
    // All but the test that does not end. A second signal would end it at once.
    if (isRunning && told.includes('11 of 12')) {
      isRunning = false;
      child.kill('SIGINT');
    }
  });
  const [stdout, [code]] = await Promise.all([
    text(child.stdout),
    once(child, 'exit') as Promise<[number | null]>,
  ]);
  expect({ code, told }).toEqual({ code: 130, told: expect.stringContaining('--resume') as string });
  expect(stdout).toMatch(/quick\.py +│ AC/);
  expect(stdout).toMatch(/slow\.py +│ stopped/);
  expect(stdout).toContain('Incomplete: judging was stopped');
  const stopped = JSON.parse(await read('out.json')) as GradingReport;
  expect(stopped.isComplete).toBe(false);
  expect(await read('out.csv')).toContain('P,slow.py,,');
  expect(existsSync(at('out.json.part'))).toBe(false);

  await put('submissions/p/slow.py', 'print(input())\n');
  const { stderr } = await grade(folder, '--json', at('out.json'), '--resume', at('out.json'));
  // Of quick.py nothing runs again, of slow.py everything, since it has changed.
  expect(stderr).toContain('out.json: 6 of 12 tests are judged already\n');
  const whole = JSON.parse(await read('out.json')) as GradingReport;
  expect(whole.isComplete).toBe(true);
  expect(whole.problems[0]?.submissions.map(({ verdict }) => verdict)).toEqual(['AC', 'AC']);
}, 300_000);
