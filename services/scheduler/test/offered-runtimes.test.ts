import { expect, it } from 'vitest';
import { OfferedRuntimes } from '../src/offered-runtimes.js';

const node = (state: 'ready' | 'not-ready' | 'draining' | 'lost', ...runtimes: string[]) => ({
  state,
  runtimes,
});

it('a run may name what every node has that takes runs', () => {
  const offered = new OfferedRuntimes();
  expect(offered.names).toEqual(['default']);
  offered.update([node('ready', 'default', 'numpy', 'old')]);
  expect(offered.names).toEqual(['default', 'numpy', 'old']);
  offered.update([node('ready', 'default', 'numpy', 'old'), node('not-ready', 'numpy', 'default')]);
  expect(offered.names).toEqual(['default', 'numpy']);
  offered.update([
    node('ready', 'default', 'numpy', 'old'),
    node('draining', 'default'),
    node('lost', 'numpy'),
  ]);
  expect(offered.names).toEqual(['default', 'numpy', 'old']);
});

it('a node of an earlier version has the default one', () => {
  const offered = new OfferedRuntimes();
  offered.update([node('ready', 'default', 'numpy'), { state: 'ready' }]);
  expect(offered.names).toEqual(['default']);
});

it('while no node takes runs, it is what the last ones had', () => {
  const offered = new OfferedRuntimes();
  offered.update([node('ready', 'default', 'numpy')]);
  offered.update([node('lost', 'default', 'numpy')]);
  offered.update([]);
  expect(offered.names).toEqual(['default', 'numpy']);
});
