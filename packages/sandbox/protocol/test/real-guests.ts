import { readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

/** What translated PyPy 2.7 and 3.6 (`--sandbox`) asked of a controller: fixtures/sandbox-2/README.md. */
const FOLDER = new URL('fixtures/sandbox-2/', import.meta.url);
const ENDING = '.jsonl.gz';

export const REAL_GUESTS = ['pypy2', 'pypy3'] as const;

/** Names of all recorded runs: `pypy2/hello`. */
export const RECORDED_RUNS = REAL_GUESTS.flatMap((guest) =>
  readdirSync(new URL(`${guest}/`, FOLDER))
    .filter((name) => name.endsWith(ENDING))
    .map((name) => `${guest}/${name.slice(0, -ENDING.length)}`),
);

/** @returns the lines of a recorded run, each of them JSON */
export function readRecording(run: string): readonly unknown[] {
  const text = gunzipSync(readFileSync(new URL(`${run}${ENDING}`, FOLDER))).toString('utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
}

/** Signatures of all functions that a guest can call, as its own dump lists them. */
export function readSignatures(guest: (typeof REAL_GUESTS)[number]): readonly string[] {
  const dump = readFileSync(new URL(`${guest}/dump.txt`, FOLDER), 'utf8');
  return (/^Funcs: (.*)$/m.exec(dump)?.[1] ?? '').split(' ');
}
