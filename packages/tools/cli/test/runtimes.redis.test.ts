import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SandpiperClient } from '@sandpiper/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Embedded, startEmbedded } from '../src/embedded/embedded.js';

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

  it('refuses one that not all nodes have, with the list', async () => {
    const refused = { status: 400, code: 'invalid-request', path: 'runtime' };
    await expect(client.submitRun({ source: '', runtime: 'numpy' })).rejects.toMatchObject({
      ...refused,
      message: 'runtime: not all nodes have the runtime "numpy"; available: default, python3',
    });
    await expect(client.submitRun({ source: '', runtime: '../x' })).rejects.toMatchObject(refused);
    await expect(
      client.submitRun({ source: '', runtime: 'python3', engine: 'rpython' }),
    ).rejects.toMatchObject(refused);
    const batch = { runs: [{ source: '' }, { source: '', runtime: 'numpy' }] };
    await expect(client.submitBatch(batch)).rejects.toMatchObject({ ...refused, path: 'runs.1.runtime' });
  });
});
