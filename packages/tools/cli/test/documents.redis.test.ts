import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

/**
 * The shell blocks of the pages that a newcomer follows, pasted one after the other as a reader would do it. A block of
 * output below a block of commands shows what they print.
 */
const PAGES = [
  'README.md',
  'docs/python.md',
  'docs/runtimes.md',
  'docs/grading.md',
  'docs/judging.md',
  'docs/rewards.md',
  'docs/service.md',
  'docs/operating.md',
  'docs/embedding.md',
];

/** The set-up and this test's own suite: CI runs both. */
const RUN_ELSEWHERE = /^\.\/scripts\/(demo|test)$/;
/** What a reader leaves running in a terminal of its own. */
const STAYS = /^(?:[A-Z_]+=\S+ )*\.\/sandpiper up\b/m;
/** The ports that the pages name; other services may have them here. */
const SHOWN_PORTS = ['8080', '8081', '9090'];

/** A page may start several services, one after the other. */
const PAGE_MS = 600_000;

/** The folder of the workspace, wherever in it this file lies. */
function findTop(folder: string): string {
  return existsSync(join(folder, 'pnpm-workspace.yaml')) ? folder : findTop(dirname(folder));
}

const TOP = findTop(import.meta.dirname);

interface Block {
  readonly commands: string;
  /** What the page shows of the output; null where it shows nothing. */
  readonly shown: string | null;
}

/** Fenced blocks of `sh`, each with the next block of `text` or `json` before another block of commands. */
function blocksOf(page: string): Block[] {
  const blocks: { commands: string; shown: string | null }[] = [];
  for (const [, language, body = ''] of page.matchAll(/^```(\w*)\n(.*?)^```$/gms)) {
    const last = blocks.at(-1);
    if (language === 'sh') blocks.push({ commands: body, shown: null });
    else if (language === 'text' || language === 'json') if (last !== undefined) last.shown ??= body;
  }
  return blocks.filter(
    ({ commands }) =>
      !commands
        .trim()
        .split('\n')
        .every((line) => RUN_ELSEWHERE.test(line)),
  );
}

/** One script, so that variables live on; the output of block N goes to the file N. */
function scriptOf(blocks: readonly Block[], portOf: ReadonlyMap<string, number>): string {
  const shown = new RegExp(`\\b(${SHOWN_PORTS.join('|')})\\b`, 'g');
  const parts = blocks.map(({ commands }, index) => {
    const own = commands.replace(shown, (port) => String(portOf.get(port)));
    if (!STAYS.test(commands)) return `{\n${own}} > "$OUT/${index}"`;
    return [
      'stop_service',
      `{\n${own}} > "$OUT/${index}" &`,
      'service=$!',
      `until grep -q 'Sandpiper is up' "$OUT/${index}"; do kill -0 "$service"; sleep 0.1; done`,
    ].join('\n');
  });
  // With job control, a service is the leader of a group of its own and can be ended as Ctrl-C would do it.
  const stop = [
    'stop_service() { [ -z "$service" ] || { kill -INT -- "-$service"; wait "$service" || true; }; service=; }',
    'stop_all() { stop_service; for job in $(jobs -p); do kill -TERM -- "-$job" || true; done; wait || true; }',
    'trap stop_all EXIT',
  ];
  return ['set -euo pipefail -m', 'service=', ...stop, ...parts].join('\n');
}

/** The words of an output that do not change from run to run: keys of JSON, or words of prose. */
const wordsOf = (shown: string): string[] =>
  shown.trimStart().startsWith('{')
    ? [...shown.matchAll(/"(\w+)":/g)].map((match) => match[1] ?? '')
    : (shown.match(/[A-Za-z_]{4,}/g) ?? []);

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

describe('the commands of the documents', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sandpiper-documents-'));
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it.each(PAGES)(
    'of %s work as they stand, and print what it shows',
    async (page) => {
      const blocks = blocksOf(readFileSync(join(TOP, page), 'utf8'));
      expect(blocks.length).toBeGreaterThan(0);
      for (const name of ['out', 'tmp', 'state']) mkdirSync(join(folder, name));
      const script = join(folder, 'commands.sh');
      const portOf = new Map<string, number>();
      for (const port of SHOWN_PORTS) portOf.set(port, await freePort());
      writeFileSync(script, scriptOf(blocks, portOf));
      const child = spawn('bash', [script], {
        cwd: TOP,
        // What the commands leave behind must not lie in the checkout, nor in the state of a service that runs here.
        env: {
          ...process.env,
          OUT: join(folder, 'out'),
          TMPDIR: join(folder, 'tmp'),
          XDG_STATE_HOME: join(folder, 'state'),
        },
        stdio: ['ignore', 'inherit', 'pipe'],
      });
      const [stderr, [code]] = await Promise.all([
        text(child.stderr),
        once(child, 'exit') as Promise<[number | null]>,
      ]);
      expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
      for (const [index, { commands, shown }] of blocks.entries()) {
        const printed = readFileSync(join(folder, 'out', String(index)), 'utf8');
        const missing = wordsOf(shown ?? '').filter((word) => !printed.includes(word));
        expect({ commands, printed, missing }).toEqual({ commands, printed, missing: [] });
      }
    },
    PAGE_MS,
  );
});
