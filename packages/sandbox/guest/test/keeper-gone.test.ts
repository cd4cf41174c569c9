import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';

/** In a separate process: a thread that is blocked in open(2) cannot be ended otherwise. */
const CLIENT = `
import { KeeperClient } from '@sandpiper/guest';
try {
  const keeper = new KeeperClient(process.argv[1]);
  keeper.pinThread(1, 0);
} catch (error) {
  process.stdout.write(error.name + ': ' + error.message);
}
`;

function turnTo(folder: string): string {
  const ended = spawnSync(process.execPath, ['--input-type=module', '-e', CLIENT, folder], {
    cwd: import.meta.dirname,
    timeout: 10_000,
    killSignal: 'SIGKILL',
    encoding: 'utf8',
  });
  return ended.signal === null ? ended.stdout : `ended by ${ended.signal}`;
}

it('a dead keeper is told from a slow one', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sandpiper-test-'));
  try {
    // As they are between a keeper's death and the removal of its folder: no process has them open.
    for (const name of ['control', 'reports']) execFileSync('mkfifo', [join(folder, name)]);
    expect(turnTo(folder)).toMatch(/^KeeperError: the keeper is gone/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  expect(turnTo(folder)).toMatch(/^KeeperError: the keeper is gone/);
});
