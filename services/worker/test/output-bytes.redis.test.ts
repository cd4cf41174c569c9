import type { RunResult } from '@sandpiper/contracts';
import { Processes, startRedis, type RedisServer } from '@sandpiper/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bytesOf, SandpiperClient } from '../../../packages/service/client/src/index.js';

/** What a program writes, through cell, Redis, API and client. */

const MIB = 1024 * 1024;
/** All of a result that is no output: usage, limits, names. */
const BESIDE_OUTPUT = 8192;

/** Repeats a piece up to a size, on stdout, on stderr and into a file. */
const WRITER = `
import os, sys
piece, size = bytes.fromhex(sys.argv[1]), int(sys.argv[2])
data = (piece * (size // len(piece) + 1))[:size]
for fd in (1, 2, os.open("out", os.O_CREAT | os.O_WRONLY)):
    at = 0
    while at < size: at += os.write(fd, data[at:at + 65536])
`;

const PIECES: readonly [name: string, hex: string][] = [
  ['NUL', '00'],
  ['no UTF-8', '80'],
  ['quotes', '22'],
  ['newlines', '0a'],
  ['DEL', '7f'],
  ['letters', '61'],
  ['U+2028', 'e280a8'],
  ['U+FFFF', 'efbfbf'],
  ['four bytes', 'f09f9982'],
  ['text with NUL', '616200'],
  ['a mixture of everything', '6100220a5c7fe280a8efbfbff09f9982c3a980ff'],
];

let redis: RedisServer;
let processes: Processes;
let client: SandpiperClient;

beforeAll(async () => {
  redis = await startRedis({ own: true });
  processes = new Processes(redis);
  client = new SandpiperClient((await processes.scheduler()).url);
  await processes.node('n1');
});

afterAll(async () => {
  await processes.kill();
  await redis.stop();
});

async function write(hex: string, size: number): Promise<{ result: RunResult; stored: number }> {
  const limits = { outputBytes: 16 * MIB, memoryBytes: 512 * MIB, diskBytes: 64 * MIB };
  const args = [hex, String(size)];
  const id = await client.submitRun({ source: WRITER, args, outputs: ['out'], limits });
  const result = await client.waitRun(id);
  const stored = await redis.admin(async (connection) => {
    const [key = ''] = await connection.keys(`*run:${id}`);
    return connection.hstrlen(key, 'result');
  });
  return { result, stored };
}

describe('output of a run', () => {
  it.each(PIECES)(
    'of %s takes at most 1.4 times as much, and comes back byte for byte',
    async (_name, hex) => {
      for (const size of [1, 3001, 700_001]) {
        const { result, stored } = await write(hex, size);
        expect(result.status, result.message ?? '').toBe('ok');
        const piece = Buffer.from(hex, 'hex');
        const expected = Buffer.alloc(size, piece);
        const [file] = result.outputs ?? [];
        const read = [bytesOf(result, 'stdout'), bytesOf(result, 'stderr'), bytesOf(file ?? {}, 'content')];
        expect(read.map((bytes) => bytes.equals(expected))).toEqual([true, true, true]);
        expect(stored).toBeGreaterThan(3 * size);
        expect(stored).toBeLessThanOrEqual(1.4 * 3 * size + BESIDE_OUTPUT);
      }
    },
  );

  it('of NULs up to the limit is read like any other', async () => {
    const { result, stored } = await write('00', 8 * MIB);
    expect(result.status, result.message ?? '').toBe('ok');
    expect(bytesOf(result, 'stdout').equals(Buffer.alloc(8 * MIB))).toBe(true);
    expect(stored).toBeLessThanOrEqual(1.4 * 24 * MIB + BESIDE_OUTPUT);
  });
});
