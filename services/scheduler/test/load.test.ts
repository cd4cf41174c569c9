import { expect, it } from 'vitest';
import { loadOf } from '../src/load.js';

it('counts runs that run, that wait, and that wait for a time of their own', () => {
  const depth = { waiting: 301, deferred: 20, running: 4000 };
  expect(loadOf(depth, [])).toEqual({ runs: 4321, waiting: 321, running: 4000, cells: 0 });
});
