import { join } from 'node:path';
import { isFile, readBounded } from '../files/bounded.js';
import { InputError } from '../files/errors.js';

const MAX_BYTES = 64 * 1024;

/**
 * The time limit that lies beside problem.yaml for DOMjudge: `timelimit` of `domjudge-problem.ini`, or `.timelimit`.
 * Null without either. Milliseconds.
 * @throws InputError when they differ from each other or from `given`, which problem.yaml says
 */
export async function timeLimitOfFiles(folder: string, given: number | null): Promise<number | null> {
  const found = [
    ...(await valueOf(join(folder, 'domjudge-problem.ini'), fromIni)),
    ...(await valueOf(join(folder, '.timelimit'), (text) => text)),
  ];
  let limit = given;
  let from = join(folder, 'problem.yaml');
  for (const { file, cpuMs } of found) {
    if (limit !== null && cpuMs !== limit) {
      throw new InputError(`${file}: a time limit of ${cpuMs / 1000} s, but ${from} says ${limit / 1000} s`);
    }
    limit = cpuMs;
    from = file;
  }
  return limit;
}

async function valueOf(
  file: string,
  read: (text: string) => string | null,
): Promise<{ file: string; cpuMs: number }[]> {
  if (!(await isFile(file))) return [];
  const text = read((await readBounded(file, MAX_BYTES)).toString('utf8'));
  if (text === null) return [];
  const seconds = Number(text.trim());
  if (text.trim() === '' || !Number.isFinite(seconds) || seconds <= 0 || seconds > 3600) {
    throw new InputError(`${file}: the time limit must be a number of seconds`);
  }
  return [{ file, cpuMs: Math.max(1, Math.round(seconds * 1000)) }];
}

/** The value of `timelimit`, with or without quotes; null where the file has none. */
function fromIni(text: string): string | null {
  const line = /^[ \t]*timelimit[ \t]*=[ \t]*(.*?)[ \t]*$/im.exec(text)?.[1];
  return line === undefined ? null : line.replace(/[ \t]*;.*$/, '').replace(/^(["'])(.*)\1$/, '$2');
}
