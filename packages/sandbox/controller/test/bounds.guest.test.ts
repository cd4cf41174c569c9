import { completeLimits, REQUEST_BOUNDS, type RunRequest, runRequestSchema } from '@sandpiper/contracts';
import { Cell, RunRefusedError } from '@sandpiper/controller';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runSource, type SourceRun } from './local.js';

/** Runs at the schema's bounds end normally, and what no run can ask for is refused and not retried. */

let cell: Cell;
let forking: Cell;

beforeAll(async () => {
  const place = { id: 0, cpu: null, node: null, rpython: null };
  cell = await Cell.start(place);
  forking = await Cell.start({ ...place, profile: [] });
});
afterAll(async () => {
  await cell.close();
  await forking.close();
});

const COUNTS = 'import os, sys\nprint(len(sys.argv) - 1, sum(map(len, sys.argv[1:])), len(os.environ))\n';

/** A name of 1024 characters, of the longest parts that there are. */
function longName(number: number): string {
  const begin = `${String(number).padStart(4, '0')}${'d'.repeat(251)}`;
  return [begin, 'e'.repeat(255), 'f'.repeat(255), 'g'.repeat(255)].join('/');
}

const words = (count: number, bytes: number) => Array.from({ length: count }, () => 'x'.repeat(bytes));
const variables = (count: number, bytes: number) =>
  Object.fromEntries(words(count, bytes).map((value, i) => [`V${i}`.padEnd(4, '_'), value]));

const AT_BOUNDS: Readonly<Record<string, Omit<RunRequest, 'interactor'>>> = {
  'files with long names': {
    files: [
      { name: 'main.py', content: 'import os\nprint(len(os.listdir(".")))\n' },
      ...Array.from({ length: REQUEST_BOUNDS.files - 1 }, (_, i) => ({ name: longName(i), content: 'x' })),
    ],
  },
  'files as deep as they may be': {
    files: [
      { name: 'main.py', content: 'print(1)\n' },
      ...Array.from({ length: 32 }, (_, i) => ({
        name: `${i}/${'a/'.repeat(509)}x`.slice(0, 1023),
        content: '',
      })),
    ],
  },
  arguments: { source: COUNTS, args: words(256, 4096 - 9) },
  'an argument': { source: COUNTS, args: words(7, REQUEST_BOUNDS.wordBytes) },
  'an argument of wide characters': { source: COUNTS, args: ['\u20ac'.repeat(43_690)] },
  variables: { source: COUNTS, env: variables(256, 4096 - 9 - 7 - 4) },
  'a variable': { source: COUNTS, env: { A: 'x'.repeat(REQUEST_BOUNDS.wordBytes - 8) } },
  'a long entry': { files: [{ name: longName(0), content: 'print(1)\n' }], entry: longName(0) },
  outputs: {
    source: 'print(1)\n',
    outputs: Array.from({ length: 62 }, (_, i) => longName(i)),
  },
};

describe('a request at the bounds of the schema ends normally', () => {
  it.each(Object.entries(AT_BOUNDS))('%s', async (what, request) => {
    expect(runRequestSchema.safeParse(request).error).toBeUndefined();
    for (const [place, taken] of Object.entries({ cell, forking })) {
      const result = await taken.run({
        id: `${what}-${place}`,
        attempt: 1,
        request: { ...request, limits: completeLimits(request.limits) },
      });
      expect(result).toMatchObject({ status: 'ok', stderr: '' });
    }
  });
});

describe('a job that cannot be started is refused, and the cell survives', () => {
  it.each<[string, SourceRun, RegExp]>([
    ['100 x 60000', { args: words(100, 60_000) }, /^args: /],
    ['42 x 60000', { args: words(42, 60_000) }, /^args: /],
    ['a long variable', { env: { A: 'x'.repeat(200_000) } }, /^env\.A: /],
    ['a NUL', { args: ['a\0b'] }, /NUL/],
    ['a file below the program', { files: { 'main.py/x': '' } }, /main\.py/],
  ])('%s', async (_what, more, why) => {
    for (const taken of [cell, forking]) {
      const failed = await runSource(taken, 'print(1)\n', more).then(
        (result) => new Error(`it ran: ${result.status}`),
        (error: Error) => error,
      );
      expect(failed).toBeInstanceOf(RunRefusedError);
      expect(failed.message).toMatch(why);
      expect(failed.message).not.toContain('\n');
      expect(await runSource(taken, 'print(1)\n')).toMatchObject({ status: 'ok', stdout: '1\n' });
    }
  });
});
