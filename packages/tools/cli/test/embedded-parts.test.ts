import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SupervisedChild } from '../src/embedded/child.js';
import { lockStateDir } from '../src/embedded/lock.js';
import { assertRedisServer, redisPaths } from '../src/embedded/redis.js';
import { dealCpus, LogFile } from '../src/embedded/services.js';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sandpiper-test-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('CPUs', () => {
  it('are dealt out to nodes, and shared when there are more nodes', () => {
    expect(dealCpus([0, 1], 2)).toEqual([[0], [1]]);
    expect(dealCpus([0, 1, 2], 2)).toEqual([[0, 2], [1]]);
    expect(dealCpus([4, 5], 1)).toEqual([[4, 5]]);
    expect(dealCpus([4, 5], 3)).toEqual([[4], [5], [4]]);
  });
});

describe('the log of a service', () => {
  it('is moved aside above its bound while the service writes to it', async () => {
    const log = new LogFile(folder, 'service', 20);
    const path = join(folder, 'service.log');
    const write = (line: string) => spawnSync('echo', [line], { stdio: ['ignore', log.fd, 'ignore'] });
    write('begins');
    log.rotate();
    expect(await readFile(path, 'utf8')).toBe('begins\n');
    write('writes until it is long');
    log.rotate();
    write('goes on');
    expect(await readFile(`${path}.old`, 'utf8')).toBe('begins\nwrites until it is long\n');
    expect(await readFile(path, 'utf8')).toBe('goes on\n');
    expect(log.lastWords()).toBe('goes on');
    log.close();
  });
});

describe('the lock of a state folder', () => {
  it('is held by one process, named by its pid, and free afterwards', async () => {
    const unlock = lockStateDir(folder);
    expect(() => lockStateDir(folder)).toThrow(
      `already running (pid ${process.pid}) with its state in ${folder}`,
    );
    unlock();
    lockStateDir(folder)();
    expect(await readdir(folder)).toEqual([]);
  });

  it.each([
    ['whose holder is dead', (pid: number) => JSON.stringify({ pid, startTime: '1' })],
    ['whose pid was reused', () => JSON.stringify({ pid: process.pid, startTime: '1' })],
    ['that is not readable', () => 'nonsense'],
  ])('%s is taken over', async (_what, content) => {
    const dead = spawn('true');
    await once(dead, 'exit');
    await writeFile(join(folder, 'lock'), content(dead.pid ?? 0));
    const unlock = lockStateDir(folder);
    expect(await readFile(join(folder, 'lock'), 'utf8')).toContain(`"pid":${process.pid}`);
    unlock();
  });
});

describe('redis-server', () => {
  it('reports a missing redis-server with the command to install it', () => {
    const path = process.env['PATH'];
    process.env['PATH'] = folder;
    try {
      expect(() => assertRedisServer()).toThrow(
        /redis-server is not installed.*apt-get install -y redis-server/,
      );
    } finally {
      process.env['PATH'] = path;
    }
  });

  it('is refused with a socket path that is too long', () => {
    expect(() => redisPaths(`/${'x'.repeat(200)}`)).toThrow('too long to hold a Unix socket');
  });
});

describe('a supervised child', () => {
  const shell = (script: string) => () => spawn('sh', ['-c', script], { stdio: 'ignore' });

  it('is reported with its last output when it ends before it is ready', async () => {
    const child = new SupervisedChild({
      name: 'scheduler',
      spawn: shell('exit 1'),
      ready: () => new Promise(() => undefined),
      lastWords: () => 'the port is taken',
      onEvent: () => undefined,
    });
    await expect(child.start()).rejects.toThrow('scheduler did not start: the port is taken');
  });

  it('is restarted when it dies, with a message, and not after it is stopped', async () => {
    const events: string[] = [];
    let back: () => void = () => undefined;
    const isBack = new Promise<void>((resolve) => {
      back = resolve;
    });
    const child = new SupervisedChild({
      name: 'node-1',
      spawn: shell('exec sleep 600'),
      ready: () => Promise.resolve(),
      lastWords: () => '',
      onEvent: (line) => {
        events.push(line);
        if (line.endsWith('is back')) back();
      },
    });
    await child.start();
    const first = child.pid ?? 0;
    process.kill(first, 'SIGKILL');
    await isBack;
    const second = child.pid ?? 0;
    expect(second).not.toBe(first);
    expect(events[0]).toMatch(/^node-1 died \(SIGKILL\); restarting it in \d+ ms$/);
    await child.stop(1_000);
    expect(() => process.kill(second, 0)).toThrow('ESRCH');
  });
});
