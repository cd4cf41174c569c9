import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type GuestEnd,
  KEEPER_PATH,
  KeeperClient,
  NOT_EXECUTED,
  PYPY3_PATH,
  SHIM_PATH,
} from '@sandpiper/guest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

/**
 * The loader only warns of a preload that it cannot load, and starts the program all the same. So a shim that cannot be
 * loaded must be found before, or a program would run with no sandbox around it.
 */

let folder: string;
let shim: string;
let trace: string;
let keeper: ChildProcess | null = null;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sandpiper-keeper-test-'));
  chmodSync(folder, 0o777);
  shim = join(folder, 'shim.so');
  trace = join(folder, 'was-executed');
  copyFileSync(SHIM_PATH, shim);
  chmodSync(shim, 0o755);
});
afterEach(async () => {
  keeper?.stdin?.end();
  if (keeper?.exitCode === null) await new Promise((resolve) => keeper?.once('close', resolve));
  rmSync(folder, { recursive: true, force: true });
});

/** A program that leaves a trace on the host if it can. */
async function start(): Promise<GuestEnd> {
  const directory = join(folder, 'cell');
  mkdirSync(directory);
  keeper = spawn(KEEPER_PATH, ['--dir', directory, '--shim', shim], { stdio: 'pipe', env: {} });
  await new Promise((resolve) => keeper?.stdout?.once('data', resolve));
  const client = new KeeperClient(directory);
  const guest = client.start({
    kind: 'stock',
    executable: PYPY3_PATH,
    argv: ['pypy3', '-S', '-c', `import os; os.mkdir(${JSON.stringify(trace)})`],
    env: {},
    deterministic: false,
    cpu: null,
    startupMs: 1500,
  });
  try {
    return client.ended();
  } finally {
    guest.close();
    client.close();
  }
}

describe('a guest is not executed when the shim', () => {
  const isRoot = process.getuid?.() === 0;

  it.each<[string, () => void]>([
    ['is no shared object', () => writeFileSync(shim, 'text')],
    ['is empty', () => writeFileSync(shim, '')],
    // Guests of somebody else than root are that user, who has opened it already.
    ...(isRoot
      ? [['may not be read by nobody', () => chmodSync(shim, 0o700)] satisfies [string, () => void]]
      : []),
  ])('%s', async (_what, spoil) => {
    spoil();
    const end = await start();
    expect(existsSync(trace)).toBe(false);
    expect(end).toMatchObject({ reason: 'exit' });
    if (end.signal === null) expect(NOT_EXECUTED.has(end.exitCode ?? 0)).toBe(true);
  });
});

it('a guest under the shim waits for its controller, and leaves no trace on the host', async () => {
  expect(await start()).toMatchObject({ reason: 'startup' });
  expect(existsSync(trace)).toBe(false);
});
