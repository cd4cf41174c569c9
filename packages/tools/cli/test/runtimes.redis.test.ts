import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SandpiperClient } from '@sandpiper/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Embedded, startEmbedded } from '../src/embedded/embedded.js';

const SANDPIPER = fileURLToPath(new URL('../../../../sandpiper', import.meta.url));

let folder: string;
let service: Embedded;
let client: SandpiperClient;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sandpiper-test-'));
  const file = join(folder, 'runtimes.yaml');
  writeFileSync(file, 'runtimes: { python3: { interpreter: /usr/bin/python3, profile: [json] } }');
  const variables = { SANDPIPER_RUNTIMES: file };
  service = await startEmbedded({ stateDir: join(folder, 'state'), variables, quiet: true });
  client = new SandpiperClient(service.url);
});

afterAll(async () => {
  await service.stop();
  await rm(folder, { recursive: true, force: true });
});

const WHO = 'import sys; print(sys.implementation.name)';

describe('a service with runtimes', () => {
  it('tells which there are', async () => {
    expect(await client.listRuntimes()).toEqual([{ name: 'default' }, { name: 'python3' }]);
  });

  it('runs each run by what it names', async () => {
    const names = [undefined, 'python3', 'default', 'python3', 'python3', undefined];
    const runs = names.map((runtime) => ({ source: WHO, ...(runtime === undefined ? {} : { runtime }) }));
    const id = await client.submitBatch({ runs });
    const batch = await client.waitBatch(id);
    const seen = batch.runs.map(({ result }) => [result?.stdout, result?.runtime]);
    const of = (name?: string) => (name === 'python3' ? ['cpython\n', 'python3'] : ['pypy\n', undefined]);
    expect(seen).toEqual(names.map(of));
  });

  it('grades and maps by the one that a command names', () => {
    const program = join(folder, 'who.py');
    writeFileSync(program, `${WHO}\n`);
    writeFileSync(join(folder, 'inputs.jsonl'), '"a"\n"b"\n');
    const problem = join(folder, 'who');
    mkdirSync(join(problem, 'data/secret'), { recursive: true });
    writeFileSync(join(problem, 'problem.yaml'), 'name: who\nlimits: { time_limit: 5 }\n');
    writeFileSync(join(problem, 'data/secret/1.in'), '');
    writeFileSync(join(problem, 'data/secret/1.ans'), 'cpython\n');
    const by = ['--server', service.url, '--runtime', 'python3'];
    const said = (args: string[]) => spawnSync(SANDPIPER, args, { encoding: 'utf8' }).stdout;
    expect(said(['grade', problem, program, ...by])).toMatch(/│ who\.py +│ AC /);
    expect(said(['grade', problem, program, '--server', service.url])).toMatch(/│ who\.py +│ WA /);
    expect(said(['map', program, join(folder, 'inputs.jsonl'), ...by])).toMatch(/cpython.*\n.*cpython/);
  });

  it('refuses one that no node has, with the list', async () => {
    const refused = { status: 400, code: 'invalid-request', path: 'runtime' };
    await expect(client.submitRun({ source: '', runtime: 'numpy' })).rejects.toMatchObject({
      ...refused,
      message: 'runtime: no node has the runtime "numpy"; available: default, python3',
    });
    await expect(client.submitRun({ source: '', runtime: '../x' })).rejects.toMatchObject(refused);
    await expect(
      client.submitRun({ source: '', runtime: 'python3', engine: 'rpython' }),
    ).rejects.toMatchObject(refused);
    const batch = { runs: [{ source: '' }, { source: '', runtime: 'numpy' }] };
    await expect(client.submitBatch(batch)).rejects.toMatchObject({ ...refused, path: 'runs.1.runtime' });
  });
});
