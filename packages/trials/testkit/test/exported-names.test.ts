import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const CHECK = fileURLToPath(new URL('../../../../scripts/lib/exported-names.mjs', import.meta.url));

/** Texts that export Thing anew. */
const DUPLICATES: readonly (readonly [string, string])[] = [
  ['a type', 'export interface Thing {}'],
  ['a class', 'export abstract class Thing {}'],
  ['a function', 'export async function Thing() {}'],
  ['a constant', 'export const other0 = 1, Thing = 2;'],
  ['a name in a pattern', 'export const { a: [Thing], ...other1 } = from();'],
  ['a name in a list', 'type Thing = string;\nexport { type Thing };'],
  ['another name for an import', "export { Other as Thing } from './other.js';"],
  ['a namespace', "export * as Thing from './other.js';"],
];

/** Texts that do not. */
const HARMLESS: readonly (readonly [string, string])[] = [
  ['a re-export', "export { Thing } from '@sandpiper/one';"],
  ['a re-export of everything', "export * from '@sandpiper/one';"],
  ['a re-export of an import', "import { Thing } from '@sandpiper/one';\nexport { Thing };"],
  ['a name that stays in its file', 'interface Thing {}'],
  ['a member', 'export class Other2 {\n  Thing = 1;\n}'],
];

const CASES = [...DUPLICATES, ...HARMLESS];
const first = (index: number) => `packages/sandbox/one/src/thing${index}.ts`;
const second = (index: number) => `services/two/src/room/thing${index}.ts`;
const nameOf = (index: number) => `Thing${index}_`;

const folder = mkdtempSync(join(tmpdir(), 'sandpiper-names-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(file: string, text: string): void {
  mkdirSync(dirname(join(folder, file)), { recursive: true });
  writeFileSync(join(folder, file), text);
}

function check(): { status: number | null; stderr: string } {
  const { status, stderr } = spawnSync(process.execPath, [CHECK, folder], { encoding: 'utf8' });
  return { status, stderr };
}

describe('the check that an exported name means one thing', () => {
  it('lets a type and a value of one name in one file pass, and what is no source', () => {
    write(
      'packages/sandbox/one/src/both.ts',
      'export const Both = schema();\nexport type Both = Infer<typeof Both>;\n',
    );
    write('packages/sandbox/one/test/both.ts', 'export type Both = number;\n');
    expect(check()).toEqual({ status: 0, stderr: '' });
  });

  // All cases in one folder, each with a name of its own: loading the compiler takes most of the time.
  it('names both files of each duplicate, and of nothing else', () => {
    for (const [index, [, text]] of CASES.entries()) {
      write(first(index), `export type ${nameOf(index)} = number;\n`);
      write(second(index), text.replaceAll('Thing', nameOf(index)));
    }
    const { status, stderr } = check();
    const lines = stderr.trimEnd().split('\n');
    const named = CASES.map(([what], index) => [
      what,
      lines.includes(`${nameOf(index)}: ${first(index)}, ${second(index)}`),
    ]);
    expect(named).toEqual(CASES.map((one) => [one[0], DUPLICATES.includes(one)]));
    expect(lines).toHaveLength(DUPLICATES.length + 1);
    expect(lines.at(-1)).toBe(
      `exported names that mean two things: ${DUPLICATES.length}; rename one of each`,
    );
    expect(status).toBe(1);
  });
});
