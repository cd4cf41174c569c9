import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';

const CHECK = fileURLToPath(new URL('../../../../scripts/lib/stands-alone.mjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'sandpiper-alone-'));

function check(files: Readonly<Record<string, string>>): { status: number | null; stderr: string } {
  execFileSync('git', ['init', '-q', folder]);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  const { status, stderr } = spawnSync(process.execPath, [CHECK, folder], { encoding: 'utf8' });
  return { status, stderr };
}

describe('the check that the repository stands alone', () => {
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('lets paths inside the repository pass', () => {
    const inside = "import '../../c/d.js';\nconst page = new URL('../../docs/page.md', import.meta.url);\n";
    expect(check({ 'a/b/one.ts': inside, 'docs/page.md': '[up](../README.md)\n' })).toEqual({
      status: 0,
      stderr: '',
    });
  });

  it.each([
    ['a URL', 'a/one.ts', "new URL('../../beside/data', import.meta.url)"],
    ['a URL with more to come', 'a/one.ts', 'new URL(`../../../beside/${name}`, import.meta.url)'],
    ['an import', 'one.mjs', "import x from '../beside/x.mjs';"],
    ['a reference of TypeScript', 'a/tsconfig.json', '{ "path": "../../../beside" }'],
    ['a link', 'docs/page.md', '[notes](../../beside/notes.md)'],
    ['the folder beside it', 'script', 'cat "$top/../shared/data"'],
  ])('finds %s that leaves it', (_kind, name, text) => {
    const { status, stderr } = check({ [name]: `\n${text}\n` });
    expect(status).toBe(1);
    expect(stderr).toMatch(`${name}:2: ..`);
  });

  it('finds a symbolic link that leaves it', () => {
    mkdirSync(folder, { recursive: true });
    symlinkSync('../beside', join(folder, 'data'));
    expect(check({})).toMatchObject({ status: 1, stderr: expect.stringContaining('data: a symbolic link') });
  });
});
