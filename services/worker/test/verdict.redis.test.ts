import type { BatchState, RunState } from '@sandpiper/contracts';
import { Processes, type RedisServer, startRedis, type TestService } from '@sandpiper/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** Runs that say what they expect, with real guests. */

let redis: RedisServer;
let processes: Processes;
let scheduler: TestService;

beforeAll(async () => {
  redis = await startRedis({ own: true });
  processes = new Processes(redis);
  scheduler = await processes.scheduler();
  await processes.node('n1');
});

afterAll(async () => {
  await processes.kill();
  await redis.stop();
});

async function post(path: string, body: object): Promise<{ status: number; body: unknown }> {
  const headers = { 'content-type': 'application/json' };
  const reply = await fetch(`${scheduler.url}${path}`, {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
  });
  return { status: reply.status, body: await reply.json() };
}

async function submit(path: string, body: object): Promise<string> {
  const reply = await post(path, body);
  expect(reply).toMatchObject({ status: 202 });
  return (reply.body as { id: string }).id;
}

async function read<T>(path: string): Promise<T> {
  return (await (await fetch(`${scheduler.url}${path}?wait=60`)).json()) as T;
}

describe('a run with what it expects', () => {
  it('has a verdict in its result, alone and in a batch', async () => {
    const sum = 'print(sum(map(int, input().split())))';
    const id = await submit('/v1/runs', { source: sum, stdin: '1 2', expected: '3\n' });
    expect((await read<RunState>(`/v1/runs/${id}`)).result).toMatchObject({ status: 'ok', verdict: 'AC' });

    const limits = { cpuMs: 200, wallMs: 5_000 };
    const runs = [
      { source: sum, stdin: '1 2', expected: '4' },
      { source: 'while True: pass', limits, expected: '' },
      { source: 'print(', expected: '' },
      { source: '1 / 0', expected: '' },
      { source: 'print(1 / 3)', expected: '0.333333', checker: { relativeTolerance: 1e-5 } },
      {
        source: 'print("x" * 1_000_000)',
        expectedBase64: Buffer.from('x'.repeat(1_000_000)).toString('base64'),
      },
      { source: 'print(42)' },
    ];
    const batch = await read<BatchState>(`/v1/batches/${await submit('/v1/batches', { runs })}`);
    expect(batch.runs.map(({ result }) => result?.verdict)).toEqual([
      'WA',
      'TLE',
      'CE',
      'RTE',
      'AC',
      'AC',
      undefined,
    ]);
    expect(batch.runs.map(({ result }) => result?.verdictReason).slice(0, 4)).toEqual([
      'line 1: expected "4", got "3"',
      'CPU time: more than 0.2 s',
      expect.stringMatching(/^SyntaxError/) as string,
      'ZeroDivisionError: division by zero',
    ]);
  });

  it('is refused where it makes no sense', async () => {
    const fault = async (more: object): Promise<unknown> => {
      const { status, body } = await post('/v1/runs', { source: '', ...more });
      expect(status).toBe(400);
      return (body as { error: { path: string } }).error.path;
    };
    expect(await fault({ expected: '', expectedBase64: '' })).toBe('expected');
    expect(await fault({ checker: {} })).toBe('checker');
    expect(await fault({ expected: '', combined: true })).toBe('combined');
    expect(await fault({ expected: '', checker: { absoluteTolerance: -1 } })).toBe(
      'checker.absoluteTolerance',
    );
    expect(await fault({ expected: '', checker: { float_tolerance: 1 } })).toBe('checker.float_tolerance');
  });
});
