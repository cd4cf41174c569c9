import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';

const CHECK = fileURLToPath(new URL('../../../../scripts/lib/exported-names.mjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'sandpiper-names-'));

function check(files: Readonly<Record<string, string>>): { status: number | null; stderr: string } {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  const { status, stderr } = spawnSync(process.execPath, [CHECK, folder], { encoding: 'utf8' });
  return { status, stderr };
}

const ONE = 'packages/sandbox/one/src/one.ts';
const TWO = 'services/two/src/room/two.ts';

describe('the check that an exported name means one thing', () => {
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it.each([
    ['a type', 'export interface Thing {}'],
    ['a class', 'export abstract class Thing {}'],
    ['a function', 'export async function Thing() {}'],
    ['a constant', 'export const other = 1, Thing = 2;'],
    ['a part of what is taken apart', 'export const { a: [Thing], ...others } = from();'],
    ['a name in a list', 'type Thing = string;\nexport { type Thing };'],
    ['another name for an import', "export { Other as Thing } from './other.js';"],
    ['a namespace', "export * as Thing from './other.js';"],
  ])('finds %s that another file exports too', (_kind, text) => {
    expect(check({ [ONE]: 'export type Thing = number;\n', [TWO]: text })).toEqual({
      status: 1,
      stderr: `Thing: ${ONE}, ${TWO}\nexported names that mean two things: 1; rename one of each\n`,
    });
  });

  it.each([
    ['a re-export', "export { Thing } from '@sandpiper/one';"],
    ['a re-export of all', "export * from '@sandpiper/one';"],
    ['a re-export of an import', "import { Thing } from '@sandpiper/one';\nexport { Thing };"],
    ['a name that stays in its file', 'interface Thing {}'],
    ['a member', 'export class Other {\n  Thing = 1;\n}'],
  ])('lets %s pass', (_kind, text) => {
    expect(check({ [ONE]: 'export type Thing = number;\n', [TWO]: text })).toEqual({ status: 0, stderr: '' });
  });

  it('takes a type and a value of one name in one file for one thing', () => {
    const both = 'export const Thing = schema();\nexport type Thing = Infer<typeof Thing>;\n';
    expect(check({ [ONE]: both })).toEqual({ status: 0, stderr: '' });
  });

  it('looks at sources only', () => {
    const text = 'export type Thing = number;\n';
    expect(check({ [ONE]: text, 'packages/sandbox/one/test/one.ts': text })).toEqual({
      status: 0,
      stderr: '',
    });
  });
});
