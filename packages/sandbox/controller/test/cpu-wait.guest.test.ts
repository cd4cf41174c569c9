import { cpuWaitOf, type RunResult } from '@sandpiper/contracts';
import { availableCpus, runLocally } from '@sandpiper/controller';
import { Spinners } from '@sandpiper/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';

/** A guest on a CPU that others take from it. What is asserted is what its result reports of that. */

const cpu = availableCpus()[0] ?? 0;
let spinners: Spinners;

beforeAll(async () => {
  spinners = await Spinners.on(cpu, 6);
});

afterAll(() => spinners.end());

const run = (source: string, limits: { cpuMs: number; wallMs: number }, retryUnreliable = 0) =>
  runLocally(
    {
      request: { limits },
      interpreter: { engine: 'seccomp' },
      folder: '/box',
      programPath: 'main.py',
      program: Buffer.from(source),
      files: [],
      stdin: { kind: 'buffer', data: Buffer.alloc(0) },
      output: 'capture',
      tracePath: null,
      mounts: [],
      deterministic: null,
      outputs: [],
    },
    { cpu, retryUnreliable },
  );

const waited = ({ usage }: RunResult): number => (usage.waitMs ?? 0) / usage.wallMs;

it('a run that meets its wall limit while it waits for a CPU says so, and is repeated as often as allowed', async () => {
  const result = await run(
    'print("again", flush=True)\nwhile True: pass',
    { cpuMs: 20_000, wallMs: 4_000 },
    1,
  );
  expect(result).toMatchObject({ status: 'wall-limit', retries: 1, stdout: 'again\n' });
  expect(waited(result)).toBeGreaterThan(0.2);
  expect(result.unreliable).toMatch(/^it waited [\d.]+ s of [\d.]+ s for a CPU$/);
});

it('a run that sleeps until its wall limit beside them is not', async () => {
  const result = await run('import time\ntime.sleep(60)', { cpuMs: 20_000, wallMs: 2_000 }, 2);
  expect(result.status).toBe('wall-limit');
  expect(result.retries).toBeUndefined();
  expect(cpuWaitOf(result)).toBeNull();
});

it('a run whose controller waits for the CPU beside them says so', async () => {
  const source = 'data = b"x" * 2**20\nwhile True:\n  with open("f", "wb") as f: f.write(data)';
  const { status, usage, unreliable } = await run(source, { cpuMs: 20_000, wallMs: 3_000 });
  expect(status).toBe('wall-limit');
  expect(usage.controllerWaitMs).toBeGreaterThan(0.1 * usage.wallMs);
  expect(unreliable).toMatch(/^it waited [\d.]+ s of [\d.]+ s for a CPU$/);
});
