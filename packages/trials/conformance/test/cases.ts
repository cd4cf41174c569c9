import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ProgramCase } from '../src/corpus/programs.js';

const FOLDER = fileURLToPath(new URL('../cases', import.meta.url));

/** The programs of `cases`, each alone as main.py, with its input. */
export function loadCases(): ProgramCase[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.py'))
    .sort()
    .map((file) => {
      const data = readFileSync(`${FOLDER}/${file}`);
      const input = `${FOLDER}/${file.replace(/\.py$/, '.in')}`;
      return {
        name: file.replace(/\.py$/, ''),
        entry: 'main.py',
        files: [{ path: 'main.py', data }],
        stdin: existsSync(input) ? readFileSync(input) : Buffer.alloc(0),
        digest: createHash('sha256').update(data).digest('hex'),
      };
    });
}

/** What the sandbox refuses of them, by name. */
export function loadRefused(): ReadonlyMap<string, readonly string[]> {
  const lines = readFileSync(`${FOLDER}/refused.tsv`, 'utf8').split('\n');
  return new Map(
    lines
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => line.split('\t'))
      .map(([name = '', kinds = '']) => [name, kinds.split(',')]),
  );
}
