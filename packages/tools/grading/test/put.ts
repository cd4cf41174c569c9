import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';

/** A folder for each test of a file, and a way to put files there. */
export function scratchFolder(): {
  readonly path: (name?: string) => string;
  readonly put: (files: Readonly<Record<string, string | Uint8Array>>) => Promise<void>;
} {
  let root = '';
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'grading-'));
  });
  afterEach(async () => {
    await rm(root, { recursive: true });
  });
  return {
    path: (name = '') => join(root, name),
    put: async (files) => {
      for (const [name, content] of Object.entries(files)) {
        await mkdir(dirname(join(root, name)), { recursive: true });
        await writeFile(join(root, name), content);
      }
    },
  };
}

/** The files of one test, `name` as `secret/1`. */
export function testFiles(name: string, input = '1\n', answer = '1\n'): Record<string, string> {
  return { [`data/${name}.in`]: input, [`data/${name}.ans`]: answer };
}
