import { existsSync, readFileSync } from 'node:fs';

export interface CorpusEntry {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Inputs in the repository: lines of a name and bytes in hexadecimal; # begins a comment. */
export function readCorpus(file: URL | string): CorpusEntry[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [name = '', hex = ''] = line.split(' ');
      return { name, bytes: Buffer.from(hex, 'hex') };
    });
}

export function corpusFile(target: string): URL {
  return new URL(`../corpus/${target}.txt`, import.meta.url);
}
