import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';

const top = fileURLToPath(new URL('../../../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'sandpiper-lint-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Names of our rules that a file with this text breaks. */
function broken(text: string): string[] {
  const rules = { 'sandpiper/no-long-lived-race': 'error', 'sandpiper/no-listener-left': 'error' };
  const config = { jsPlugins: [join(top, 'scripts/lib/lint-rules.mjs')], categories: {}, plugins: [], rules };
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  writeFileSync(join(folder, 'subject.ts'), text);
  const words = ['-c', join(folder, 'config.json'), '--format', 'json', join(folder, 'subject.ts')];
  let said: string;
  try {
    said = execFileSync(join(top, 'node_modules/.bin/oxlint'), words, { encoding: 'utf8', cwd: folder });
  } catch (error) {
    said = (error as { stdout: string }).stdout;
  }
  const { diagnostics } = JSON.parse(said) as { diagnostics: { code: string }[] };
  return diagnostics.map(({ code }) => code).filter((code) => code.startsWith('sandpiper'));
}

it.each([
  ['a field', 'class A { #death; async run(w) { const r = w(); return Promise.race([r, this.#death]); } }'],
  ['a parameter', 'function f(death) { return Promise.race([new Promise(() => {}), death]); }'],
  ['a variable of the module', 'const end = new Promise(() => {}); const f = () => Promise.any([g(), end]);'],
  [
    'what hangs on a field',
    'class A { f() { const d = this.death.then(() => 1); return Promise.race([d, g()]); } }',
  ],
  ['a list from elsewhere', 'function f(list) { return Promise.race(list); }'],
  ['a signal', 'function f(given) { return AbortSignal.any([AbortSignal.timeout(1), given]); }'],
])('a race against %s is refused', (_what, text) => {
  expect(broken(text)).toContain('sandpiper(no-long-lived-race)');
});

it('a race between promises made for it is allowed', () => {
  const made = 'const late = new Promise(() => {}); const done = begin(); const end = done.then(() => 1);';
  expect(
    broken(`function f() { ${made} return Promise.race([late, done, end, begin().catch(() => 0)]); }`),
  ).toEqual([]);
});

it('a listener of a signal that is never removed is refused', () => {
  expect(broken("function f(s, g) { s.addEventListener('abort', g, { once: true }); }")).toEqual([
    'sandpiper(no-listener-left)',
  ]);
  expect(
    broken("function f(s, g) { s.addEventListener('abort', g); s.removeEventListener('abort', g); }"),
  ).toEqual([]);
});
