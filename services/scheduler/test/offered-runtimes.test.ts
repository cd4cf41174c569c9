import { expect, it } from 'vitest';
import { OfferedRuntimes } from '../src/offered-runtimes.js';

const node = (state: 'ready' | 'not-ready' | 'draining' | 'lost', ...runtimes: string[]) => ({
  state,
  runtimes,
});

it('a run may name what any node has that takes runs, and what is expected', () => {
  const offered = new OfferedRuntimes();
  expect(offered.names).toEqual(['default']);
  offered.update([node('ready', 'default', 'numpy', 'old')]);
  expect(offered.names).toEqual(['default', 'numpy', 'old']);
  offered.update([node('ready', 'default', 'numpy'), node('not-ready', 'pandas', 'default')]);
  expect(offered.names).toEqual(['default', 'numpy', 'pandas']);
  offered.update([node('ready', 'numpy'), node('draining', 'default'), node('lost', 'old')]);
  expect(offered.names).toEqual(['numpy']);
  const expecting = new OfferedRuntimes(['torch']);
  expect(expecting.names).toEqual(['default', 'torch']);
  expecting.update([node('ready', 'default', 'numpy')]);
  expect(expecting.names).toEqual(['default', 'numpy', 'torch']);
});

it('a node of an earlier version has the default one', () => {
  const offered = new OfferedRuntimes();
  offered.update([node('ready', 'numpy'), { state: 'ready' }]);
  expect(offered.names).toEqual(['default', 'numpy']);
});

it('while no node takes runs, it is what the last ones had', () => {
  const offered = new OfferedRuntimes();
  offered.update([node('ready', 'default', 'numpy')]);
  offered.update([node('lost', 'default', 'numpy')]);
  offered.update([]);
  expect(offered.names).toEqual(['default', 'numpy']);
});
