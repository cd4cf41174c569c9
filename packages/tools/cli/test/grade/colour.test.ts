import { expect, it } from 'vitest';
import { isColoured } from '../../src/terminal/colour.js';

const TERMINAL = { isTTY: true };

it.each([
  ['auto', TERMINAL, {}, true],
  ['auto', {}, {}, false],
  ['auto', TERMINAL, { NO_COLOR: '1' }, false],
  ['auto', TERMINAL, { NO_COLOR: '' }, true],
  ['auto', TERMINAL, { TERM: 'dumb' }, false],
  ['auto', {}, { FORCE_COLOR: '1' }, true],
  ['auto', TERMINAL, { FORCE_COLOR: '0' }, false],
  ['auto', TERMINAL, { FORCE_COLOR: '1', NO_COLOR: '1' }, false],
  ['always', {}, { NO_COLOR: '1' }, true],
  ['never', TERMINAL, { FORCE_COLOR: '1' }, false],
] as const)('--color %s on %j with %j: %s', (choice, stream, env, expected) => {
  expect(isColoured(choice, stream, env)).toBe(expected);
});
