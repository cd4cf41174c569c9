import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NewKey, StoredProblem, StoredProblemWithVersions, SubmissionState } from '@sandpiper/contracts';
import { startRedis, type RedisServer } from '@sandpiper/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { zipOf, type ZipEntry } from '../../../packages/tools/grading/test/zip.js';
import { startApp, type TestApp } from './harness.js';

const ADMIN = 'a'.repeat(40);
const MIB = 1024 * 1024;

let server: RedisServer;
let folder: string;
let app: TestApp;
/** Of two tenants, and one for submitting alone. */
const keys = { blue: '', red: '', submitter: '' };

beforeAll(async () => {
  server = await startRedis();
  folder = await mkdtemp(join(tmpdir(), 'sandpiper-problems-'));
  ({ app } = await startApp(server.url, {
    auth: { on: true, adminKeys: [ADMIN] },
    judging: {
      packages: { fileBytes: 2 * MIB, unpackedBytes: 8 * MIB, entries: 200, tests: 20, mayCompile: false },
      folder,
      judge: null,
    },
    retention: {
      retentionSeconds: 1000,
      tenantShare: 0.5,
      problemBytes: 4 * MIB,
      maxSubmissions: 6,
      submissionBytes: MIB,
    },
  }));
});

beforeEach(async () => {
  await server.flush();
  const make = async (tenant: string, scopes: string[]): Promise<string> =>
    (await call(ADMIN, 'POST', '/v1/keys', { tenant, scopes })).json<NewKey>().key;
  keys.blue = await make('blue', ['submit', 'read']);
  keys.red = await make('red', ['submit', 'read']);
  keys.submitter = await make('blue', ['submit']);
});

afterAll(async () => {
  await app.close();
  await server.stop();
  await rm(folder, { recursive: true });
});

const call = (key: string, method: 'DELETE' | 'GET' | 'POST', url: string, payload?: object) =>
  app.inject({
    method,
    url,
    headers: { authorization: `Bearer ${key}` },
    ...(payload === undefined ? {} : { payload }),
  });

const upload = (archive: Buffer, query = '', key = keys.blue) =>
  app.inject({
    method: 'POST',
    url: `/v1/problems${query}`,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/zip' },
    payload: archive,
  });

const packageOf = (answer: string, more: ZipEntry[] = []): Buffer =>
  zipOf([
    { name: 'next/problem.yaml', bytes: 'name: Next\nlimits: {time_limit: 1, memory: 64}\n' },
    { name: 'next/data/secret/1.in', bytes: '1\n' },
    { name: 'next/data/secret/1.ans', bytes: answer },
    ...more,
  ]);

describe('a problem package', () => {
  it('is stored by its bytes: the same again are the same version, others a new one', async () => {
    const made = await upload(packageOf('2\n', [{ name: 'next/extra.txt', bytes: '' }]), '?id=next');
    expect(made.statusCode).toBe(201);
    const first = made.json<StoredProblem>();
    expect(first).toMatchObject({
      id: 'next',
      name: 'Next',
      types: ['pass-fail'],
      tests: 1,
      limits: { cpuMs: 1000, memoryBytes: 64 * MIB },
      ignored: ['extra.txt'],
    });
    const again = await upload(packageOf('2\n', [{ name: 'next/extra.txt', bytes: '' }]), '?id=next');
    expect([again.statusCode, again.json<StoredProblem>().version]).toEqual([200, first.version]);
    const second = (await upload(packageOf('3\n'), '?id=next')).json<StoredProblem>();
    const shown = (await call(keys.blue, 'GET', '/v1/problems/next')).json<StoredProblemWithVersions>();
    expect(shown).toMatchObject({ id: 'next', version: second.version });
    expect(shown.versions.map(({ version }) => version)).toEqual([second.version, first.version]);
  });

  it('has an id of its bytes where it is given none, and is listed, and removed by version or whole', async () => {
    const { id, version } = (await upload(packageOf('2\n'))).json<StoredProblem>();
    expect(id).toBe(`p${version.slice(0, 24)}`);
    await upload(packageOf('3\n'), '?id=other');
    await upload(packageOf('4\n'), '?id=other');
    const listed = (await call(keys.blue, 'GET', '/v1/problems?limit=1')).json<{ next: string }>();
    expect(listed).toMatchObject({ problems: [{ id: 'other' }], next: 'other' });
    const rest = await call(keys.blue, 'GET', '/v1/problems?after=other');
    expect(rest.json()).toMatchObject({ problems: [{ id }] });
    const { versions } = (
      await call(keys.blue, 'GET', '/v1/problems/other')
    ).json<StoredProblemWithVersions>();
    expect((await call(keys.submitter, 'DELETE', '/v1/problems/other')).statusCode).toBe(403);
    const one = `/v1/problems/other?version=${versions[0]?.version ?? ''}`;
    expect((await call(keys.blue, 'DELETE', one)).statusCode).toBe(204);
    expect((await call(keys.blue, 'GET', '/v1/problems/other')).json()).toMatchObject({
      version: versions[1]?.version,
    });
    expect((await call(keys.blue, 'DELETE', '/v1/problems/other')).statusCode).toBe(204);
    expect((await call(keys.blue, 'DELETE', '/v1/problems/other')).statusCode).toBe(404);
  });

  it('of another tenant does not exist', async () => {
    await upload(packageOf('2\n'), '?id=next');
    const source = { problem: 'next', source: '' };
    expect((await call(keys.red, 'GET', '/v1/problems/next')).statusCode).toBe(404);
    expect((await call(keys.red, 'DELETE', '/v1/problems/next')).statusCode).toBe(404);
    expect((await call(keys.red, 'POST', '/v1/problems/next/rejudge')).statusCode).toBe(404);
    expect((await call(keys.red, 'POST', '/v1/submissions', source)).statusCode).toBe(404);
    expect((await call(keys.red, 'GET', '/v1/problems')).json()).toEqual({ problems: [] });
    expect((await call(keys.blue, 'POST', '/v1/submissions', source)).statusCode).toBe(202);
  });

  const HOSTILE: [string, ZipEntry[] | Buffer, RegExp][] = [
    ['no archive', Buffer.from('hello'), /cannot be unpacked/],
    [
      'a path that leads out',
      [{ name: '../evil', bytes: '' }],
      /"\.\.\/evil" is not a path below|cannot be unpacked/,
    ],
    ['an absolute path', [{ name: '/etc/evil', bytes: '' }], /is not a path below|cannot be unpacked/],
    ['a link', [{ name: 'data', bytes: '/etc', mode: 0o120777 }], /"data" is a link/],
    [
      'two of one name',
      [
        { name: 'problem.yaml', bytes: '' },
        { name: 'problem.yaml', bytes: '' },
      ],
      /contains "problem\.yaml" twice/,
    ],
    [
      'two problems',
      [
        { name: 'a/problem.yaml', bytes: '' },
        { name: 'b/problem.yaml', bytes: '' },
      ],
      /^problem\.yaml: no such file/,
    ],
    ['a bomb', [{ name: 'problem.yaml', bytes: Buffer.alloc(9 * MIB) }], /unpacks to more than 8 MiB/],
    [
      'a bomb that lies of its size',
      [{ name: 'problem.yaml', bytes: Buffer.alloc(9 * MIB), claimedSize: 10 }],
      /cannot be unpacked/,
    ],
    [
      'settings of 5 MiB',
      [{ name: 'problem.yaml', bytes: Buffer.alloc(5 * MIB, '#') }],
      /^problem\.yaml: is too large/,
    ],
    [
      'aliases of aliases',
      [
        {
          name: 'problem.yaml',
          bytes: `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefgh'
            .split('')
            .map(
              (to, n) => `${to}: &${to} [${Array.from({ length: 9 }, () => `*${'abcdefg'[n]}`).join(',')}]`,
            )
            .join('\n')}\n`,
        },
      ],
      /^problem\.yaml: /,
    ],
    [
      'too many files',
      Array.from({ length: 201 }, (_, n) => ({ name: `f${n}`, bytes: '' })),
      /has 201 entries, at most 200/,
    ],
    [
      'too many tests',
      [
        { name: 'problem.yaml', bytes: 'name: x\n' },
        ...Array.from({ length: 21 }, (_, n) =>
          ['in', 'ans'].map((end) => ({ name: `data/secret/${n}.${end}`, bytes: '' })),
        ).flat(),
      ],
      /has 21 tests, and this service judges at most 20/,
    ],
    ['no test', [{ name: 'problem.yaml', bytes: 'name: x\n' }], /the problem has no test data/],
    [
      'a validator that is no Python',
      [
        { name: 'problem.yaml', bytes: 'validation: custom\n' },
        { name: 'output_validators/v.sh', bytes: '#!/bin/sh\n' },
        { name: 'data/secret/1.in', bytes: '' },
        { name: 'data/secret/1.ans', bytes: '' },
      ],
      /^output_validators\/v\.sh: /,
    ],
    [
      'a validator in C++ where nothing may be compiled',
      [
        { name: 'problem.yaml', bytes: 'validation: custom\n' },
        { name: 'output_validators/v.cc', bytes: 'int main() { return 42; }' },
        { name: 'data/secret/1.in', bytes: '' },
        { name: 'data/secret/1.ans', bytes: '' },
      ],
      /^output_validators\/v\.cc: C\+\+ is compiled only where --compile or SANDPIPER_COMPILE=1 allows it$/,
    ],
  ];

  it.each(HOSTILE)(
    'that holds %s is refused in one line without a path of this host',
    async (_, held, reason) => {
      const reply = await upload(Buffer.isBuffer(held) ? held : zipOf(held), '?id=bad');
      const { error } = reply.json<{ error: { code: string; message: string } }>();
      expect([reply.statusCode, error.code]).toEqual([422, 'invalid-package']);
      expect(error.message).toMatch(reason);
      expect(error.message).not.toMatch(/\n|\/tmp|sandpiper-/);
      expect((await call(keys.blue, 'GET', '/v1/problems/bad')).statusCode).toBe(404);
      expect(await readdir(folder)).toEqual([]);
    },
  );

  it('is refused by its size, by its type, by its id, and without a body', async () => {
    const large = await upload(Buffer.alloc(2 * MIB + 1));
    expect([large.statusCode, large.json<{ error: object }>().error]).toEqual([
      413,
      { code: 'body-too-large', message: 'a package has at most 2097152 bytes here' },
    ]);
    expect((await call(keys.blue, 'POST', '/v1/problems', {})).statusCode).toBe(415);
    expect((await call(keys.blue, 'POST', '/v1/problems')).statusCode).toBe(400);
    expect((await upload(packageOf('2\n'), '?id=..')).statusCode).toBe(400);
    expect((await upload(packageOf('2\n'), '?name=x')).statusCode).toBe(400);
  });

  it('counts against the quota of its tenant, which its removal gives back', async () => {
    const noise = (): ZipEntry[] => [{ name: 'next/attachments/noise', bytes: randomBytes(900_000) }];
    const statuses: number[] = [];
    for (const n of [1, 2, 3])
      statuses.push((await upload(packageOf('2\n', noise()), `?id=n${n}`)).statusCode);
    expect(statuses).toEqual([201, 201, 429]);
    expect((await upload(packageOf('2\n', noise()), '', keys.red)).statusCode).toBe(201);
    expect((await call(keys.blue, 'DELETE', '/v1/problems/n1')).statusCode).toBe(204);
    expect((await upload(packageOf('2\n', noise()), '?id=n5')).statusCode).toBe(201);
  });
});

describe('a submission', () => {
  const submit = (more: object, key = keys.blue) =>
    call(key, 'POST', '/v1/submissions', { problem: 'next', source: 'print(2)', ...more });

  beforeEach(async () => {
    await upload(packageOf('2\n'), '?id=next');
  });

  it('is accepted once under an idempotency key, and is listed with its state', async () => {
    const first = await submit({ idempotencyKey: 'k', label: 'ada' });
    const { id } = first.json<{ id: string }>();
    expect([first.statusCode, first.headers.location]).toEqual([202, `/v1/submissions/${id}`]);
    expect((await submit({ idempotencyKey: 'k', label: 'ada' })).json()).toEqual({ id });
    expect((await submit({ idempotencyKey: 'k', label: 'bob' })).statusCode).toBe(409);
    const other = (await submit({})).json<{ id: string }>();
    const listed = (await call(keys.blue, 'GET', '/v1/submissions?problem=next')).json<{
      submissions: object[];
    }>();
    expect(listed.submissions).toMatchObject([
      { id: other.id, label: null },
      { id, label: 'ada', state: 'queued', verdict: null },
    ]);
    expect((await call(keys.blue, 'GET', `/v1/submissions?after=${other.id}`)).json()).toMatchObject({
      submissions: [{ id }],
    });
  });

  it('of another tenant does not exist', async () => {
    const { id } = (await submit({})).json<{ id: string }>();
    const url = `/v1/submissions/${id}`;
    expect((await call(keys.red, 'GET', url)).statusCode).toBe(404);
    expect((await call(keys.red, 'DELETE', url)).statusCode).toBe(404);
    expect((await call(keys.red, 'POST', `${url}/rejudge`)).statusCode).toBe(404);
    expect((await call(keys.red, 'GET', '/v1/submissions')).json()).toEqual({ submissions: [] });
  });

  it('is cancelled, judged again and removed; one that waits cannot be judged again', async () => {
    const { id } = (await submit({})).json<{ id: string }>();
    const url = `/v1/submissions/${id}`;
    expect((await call(keys.blue, 'POST', `${url}/rejudge`)).statusCode).toBe(409);
    expect((await call(keys.submitter, 'DELETE', url)).json()).toEqual({ id, state: 'cancelled' });
    const waited = await call(keys.blue, 'GET', `${url}?wait=60`);
    expect(waited.json<SubmissionState>()).toMatchObject({ state: 'cancelled', result: null });
    expect((await call(keys.blue, 'POST', `${url}/rejudge?version=${'0'.repeat(64)}`)).statusCode).toBe(404);
    expect((await call(keys.blue, 'POST', '/v1/problems/next/rejudge')).json()).toEqual({
      queued: 1,
      waiting: 0,
    });
    expect((await call(keys.blue, 'GET', url)).json()).toMatchObject({ state: 'queued' });
    expect((await call(keys.submitter, 'DELETE', `${url}?purge=true`)).statusCode).toBe(403);
    expect((await call(keys.blue, 'DELETE', `${url}?purge=true`)).statusCode).toBe(204);
    expect((await call(keys.blue, 'GET', url)).statusCode).toBe(404);
    expect((await call(keys.blue, 'GET', '/v1/submissions')).json()).toEqual({ submissions: [] });
  });

  it('wakes a client that waits for any change since its cursor', async () => {
    const { id } = (await submit({})).json<{ id: string }>();
    const url = `/v1/submissions/${id}`;
    const { cursor } = (await call(keys.blue, 'GET', url)).json<SubmissionState>();
    const waiting = call(keys.blue, 'GET', `${url}?wait=60&cursor=${cursor}`);
    await call(keys.blue, 'DELETE', url);
    expect((await waiting).json()).toMatchObject({ state: 'cancelled' });
  });

  it('is refused while as many of its tenant wait as may', async () => {
    const statuses: number[] = [];
    for (let n = 0; n < 4; n++) statuses.push((await submit({ label: `${n}` })).statusCode);
    expect(statuses).toEqual([202, 202, 202, 429]);
    await upload(packageOf('2\n'), '?id=next', keys.red);
    expect((await submit({}, keys.red)).statusCode).toBe(202);
    const refused = await submit({});
    expect(refused.json<{ error: object }>().error).toMatchObject({ code: 'quota-exceeded' });
    expect(refused.headers['retry-after']).toBe('5');
  });

  it('takes no more bytes than its tenant may: the oldest that have ended leave', async () => {
    const ids: string[] = [];
    for (let n = 0; n < 5; n++) {
      const { id } = (await submit({ source: `#${n}${'x'.repeat(150_000)}` })).json<{ id: string }>();
      await call(keys.blue, 'DELETE', `/v1/submissions/${id}`);
      ids.push(id);
    }
    const statuses = await Promise.all(
      ids.map(async (id) => (await call(keys.blue, 'GET', `/v1/submissions/${id}`)).statusCode),
    );
    expect(statuses.slice(0, 2)).toEqual([404, 404]);
    expect(statuses.at(-1)).toBe(200);
    expect((await submit({ source: 'x'.repeat(600_000) })).statusCode).toBe(429);
  });

  it.each([
    [{ problem: 'none' }, 404],
    [{ version: '0'.repeat(64) }, 404],
    [{ version: 'latest' }, 400],
    [{ problem: '../x' }, 400],
    [{ files: [{ name: 'a.py', content: '' }] }, 400],
    [{ source: undefined }, 400],
    [{ source: undefined, files: [{ name: '../a.py', content: '' }] }, 400],
    [{ source: undefined, files: [{ name: '/tmp/a.py', content: '' }] }, 400],
    [{ language: 'python' }, 400],
  ])('%j is refused with %d', async (more, status) => {
    expect((await submit(more)).statusCode).toBe(status);
  });
});
