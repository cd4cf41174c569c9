import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import {
  type Certificates,
  freePort,
  makeCertificates,
  Processes,
  type RedisServer,
  startRedis,
  type TestService,
} from '@sandpiper/testkit';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

/** The configurations of docs/proxies.md with real proxies: only addresses and the paths of certificates are changed. */

const TOP = fileURLToPath(new URL('../../../..', import.meta.url));
const PAGE = readFileSync(join(TOP, 'docs/proxies.md'), 'utf8');
const HAPROXY = process.env['TEST_HAPROXY'];
const NGINX = process.env['TEST_NGINX'];
/** So long the schedulers go on when they stop: HAProxy looks every two seconds. */
const STOP_DELAY_MS = '5000';

let folder: string;
let certificates: Certificates;
let redis: RedisServer;
let processes: Processes;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sandpiper-proxies-'));
  certificates = await makeCertificates(folder);
  redis = await startRedis();
  processes = new Processes(redis);
  await processes.node('node-1', { SANDPIPER_CELLS: '2' });
}, 60_000);

afterAll(async () => {
  await processes.kill();
  await redis.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** The block of the page in that language, with each of the words in it replaced. */
function block(language: string, words: Record<string, string>): string {
  let found = new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 's').exec(PAGE)?.[1] ?? '';
  for (const [word, replacement] of Object.entries(words)) {
    expect(found).toContain(word);
    found = found.replaceAll(word, replacement);
  }
  return found;
}

type Addresses = readonly [string, string];

function nginxSettings(port: number, [a, b]: Addresses): string[] {
  const site = block('nginx', {
    '10.0.0.11:8080': a,
    '10.0.0.12:8080': b,
    'listen 443': `listen 127.0.0.1:${port}`,
    'sandpiper.example.org': 'localhost',
    '/etc/ssl/sandpiper.pem': certificates.cert,
    '/etc/ssl/sandpiper.key': certificates.key,
  });
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const folders = kinds.map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(' ');
  const file = join(folder, 'nginx.conf');
  writeFileSync(
    file,
    `daemon off; pid ${folder}/nginx.pid; user root; error_log ${folder}/nginx.log;\n` +
      `events {}\nhttp { access_log off; ${folders}\n${site}\n}\n`,
  );
  return ['-c', file, '-e', `${folder}/nginx.log`];
}

function haproxySettings(port: number, [a, b]: Addresses): string[] {
  const pem = join(folder, 'haproxy.pem');
  writeFileSync(pem, readFileSync(certificates.cert, 'utf8') + readFileSync(certificates.key, 'utf8'));
  const file = join(folder, 'haproxy.cfg');
  const settings = block('haproxy', {
    '10.0.0.11:8080': a,
    '10.0.0.12:8080': b,
    'bind :443': `bind 127.0.0.1:${port}`,
    '/etc/haproxy/sandpiper.pem': pem,
  });
  writeFileSync(file, settings);
  return ['-db', '-f', file];
}

describe.each([
  ['nginx', NGINX, nginxSettings],
  ['haproxy', HAPROXY, haproxySettings],
] as const)(
  '%s of docs/proxies.md (if skipped, it needs TEST_NGINX or TEST_HAPROXY)',
  (_, program, settings) => {
    let schedulers: TestService[];
    let proxy: ChildProcess;
    let port: number;

    beforeAll(async () => {
      if (program === undefined) return;
      const env = { SANDPIPER_STOP_DELAY_MS: STOP_DELAY_MS };
      schedulers = await Promise.all([processes.scheduler(env), processes.scheduler(env)]);
      const [a = '', b = ''] = schedulers.map(({ url }) => new URL(url).host);
      port = await freePort();
      proxy = spawn(program, settings(port, [a, b]), { stdio: ['ignore', 'ignore', 'inherit'] });
      await vi.waitFor(async () => expect((await ask('/openapi.json')).status).toBe(200), 30_000);
    }, 60_000);

    afterAll(async () => {
      if (program === undefined) return;
      const gone = once(proxy, 'exit');
      proxy.kill('SIGTERM');
      await gone;
    });

    function ask(path: string): Promise<{ status: number | undefined; body: string }> {
      const options = { host: 'localhost', port, path, ca: readFileSync(certificates.ca), agent: false };
      return new Promise((resolve, reject) => {
        get(options, (answer) => {
          text(answer).then((body) => resolve({ status: answer.statusCode, body }), reject);
        }).on('error', reject);
      });
    }

    /** What the runs of `sandpiper map` have printed, in its order. */
    const printed = (results: string): string[] =>
      results
        .trimEnd()
        .split('\n')
        .map((line) => (JSON.parse(line) as { stdout: string }).stdout);

    /** The `sandpiper` command against the proxy. */
    function command(name: string, ...words: string[]): ChildProcess {
      return spawn(join(TOP, 'sandpiper'), [name, '--server', `https://localhost:${port}`, ...words], {
        cwd: folder,
        env: { ...process.env, NODE_EXTRA_CA_CERTS: certificates.ca },
        stdio: ['pipe', 'pipe', 'pipe'],
      });
    }

    async function ended(child: ChildProcess): Promise<{ out: string; err: string; code: unknown }> {
      child.stdin?.end();
      const [out, err, [code]] = await Promise.all([
        text(child.stdout as NodeJS.ReadableStream),
        text(child.stderr as NodeJS.ReadableStream),
        once(child, 'exit'),
      ]);
      return { out, err, code };
    }

    const written = (name: string, source: string): string => {
      writeFileSync(join(folder, name), source);
      return name;
    };

    it.skipIf(program === undefined)('keeps what is not for clients inside', async () => {
      for (const path of ['/metrics', '/healthz', '/readyz', '/console']) {
        expect([403, 404]).toContain((await ask(path)).status);
      }
    });

    it.skipIf(program === undefined)('passes a live run both ways as it happens', async () => {
      const source = 'while True: print("you said", input(), flush=True)\n';
      const child = command('run', written('echo.py', source));
      for (const word of ['one', 'two']) {
        child.stdin?.write(`${word}\n`);
        const [said] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
        expect(String(said)).toBe(`you said ${word}\n`);
      }
      expect((await ended(child)).err).toContain('EOFError');
    });

    it.skipIf(program === undefined)('passes large bodies and large answers', async () => {
      const size = 12 * 1024 * 1024;
      const child = command('run', written('size.py', 'import sys; print(len(sys.stdin.read()) * "x")'));
      child.stdin?.write('y'.repeat(size));
      expect((await ended(child)).out).toHaveLength(size + 1);
    });

    it.skipIf(program === undefined)('loses no run of a batch when a scheduler stops', async () => {
      const count = 300;
      const lines = Array.from({ length: count }, (_unused, number) => `${number}\n`);
      writeFileSync(join(folder, 'lines'), lines.join(''));
      const child = command('map', written('double.py', 'print(input())'), 'lines');
      const [first] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
      const leaving = schedulers[0];
      leaving?.child.kill('SIGTERM');
      const { out, err, code } = await ended(child);
      expect(printed(String(first) + out), err).toEqual(lines);
      expect([code, await leaving?.exit]).toEqual([0, 0]);
      expect(await ended(command('run', written('after.py', 'print(42)')))).toMatchObject({ out: '42\n' });
    });
  },
);
