import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type WireRequest } from '../src/http/request.js';
import { fuzzHttp } from '../src/http/run.js';

/** Odd seeds use keys: one seed of each kind. FUZZ_SEED=N replaces the second; scripts/fuzz looks for new requests. */
const SEED = Number(process.env['FUZZ_SEED'] ?? 3);
const SECONDS = 10;

const file = new URL('../corpus/http.jsonl', import.meta.url);
const known = (existsSync(file) ? readFileSync(file, 'utf8') : '')
  .split('\n')
  .filter((line) => line.startsWith('{'))
  .map((line) => JSON.parse(line) as WireRequest);

test.each([2, SEED])('the fuzzed HTTP API answers as documented, seed %d', async (seed) => {
  const { finding, requests } = await fuzzHttp({
    seconds: SECONDS,
    seed,
    known,
    onProgress: () => undefined,
  });
  expect(finding?.message).toBeUndefined();
  expect(requests).toBeGreaterThan(known.length);
});
