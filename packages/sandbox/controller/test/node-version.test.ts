import { expect, it } from 'vitest';
import { checkHashing } from '../src/main/proof/node-version.js';

it.each([
  ['20.19.0', false],
  ['20.20.1', false],
  ['20.20.2', true],
  ['20.21.0', true],
  ['21.7.3', false],
  ['22.22.1', false],
  ['22.22.2', true],
  ['24.14.0', false],
  ['25.9.0', true],
  ['26.0.0', true],
])('Node %s has unpredictable hashes of strings: %s', (version, ok) => {
  const check = checkHashing(version);
  expect(check).toMatchObject({ ok, required: false });
  if (!ok) expect(check.detail).toContain(`v${version}`);
});
