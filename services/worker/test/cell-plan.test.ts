import { hostname } from 'node:os';
import type { CpuShare } from '@sandpiper/controller';
import { describe, expect, it } from 'vitest';
import { advertised, planCells, readWorkerConfig } from '../src/config.js';

const HOST: CpuShare = { allowed: [0, 1, 2, 3], quota: null, exclusive: false };

const plan = (env: Record<string, string>, share: Partial<CpuShare> = {}) =>
  planCells(readWorkerConfig(env), { ...HOST, ...share });

describe('the plan of cells', () => {
  it('has one cell per CPU, and pins none when the CPUs are shared', () => {
    expect(plan({})).toEqual({ cpus: [null, null, null, null], warnings: [] });
  });

  it('pins cells when the CPUs are exclusive', () => {
    const share = { allowed: [6, 7], exclusive: true };
    expect(plan({}, share)).toEqual({ cpus: [6, 7], warnings: [] });
  });

  it('pins cells to the CPUs that the operator names', () => {
    expect(plan({ SANDPIPER_CELL_CPUS: '3,1' }).cpus).toEqual([3, 1]);
    expect(plan({ SANDPIPER_CELL_CPUS: '3,1', SANDPIPER_CELLS: '3' }).cpus).toEqual([3, 1, 3]);
  });

  it('follows an explicit setting for pinning', () => {
    expect(plan({ SANDPIPER_PIN: 'on' })).toMatchObject({ cpus: [0, 1, 2, 3] });
    const off = { SANDPIPER_PIN: 'off', SANDPIPER_CELL_CPUS: '3,1' };
    expect(plan(off, { exclusive: true })).toMatchObject({ cpus: [null, null] });
  });

  it('has no more cells than the CPU quota allows', () => {
    expect(plan({}, { quota: 1.5 }).cpus).toEqual([null, null]);
    expect(plan({ SANDPIPER_CELL_CPUS: '0,1,2' }, { quota: 2 }).cpus).toEqual([0, 1]);
  });

  it('warns when cells are oversubscribed', () => {
    const { cpus, warnings } = plan({ SANDPIPER_CELLS: '3' }, { quota: 1.5 });
    expect(cpus).toHaveLength(3);
    expect(warnings).toEqual([expect.stringMatching(/SANDPIPER_CELLS is 3, but 2 .*quota of 1\.5/)]);
    expect(plan({ SANDPIPER_CELLS: '4' }).warnings).toEqual([]);
  });
});

describe('the address that a node tells of its metrics', () => {
  it.each([
    [{}, '127.0.0.1:9090'],
    [{ SANDPIPER_HOST: '10.1.2.3' }, '10.1.2.3:9090'],
    [{ SANDPIPER_HOST: '::1' }, '[::1]:9090'],
    [{ SANDPIPER_HOST: '0.0.0.0', SANDPIPER_ADVERTISE: 'n1.farm' }, 'n1.farm:9090'],
    [{ SANDPIPER_HOST: '0.0.0.0' }, `${hostname()}:9090`],
  ])('with %j', (env, address) => {
    expect(advertised(readWorkerConfig(env), 9090)).toBe(address);
  });
});

describe('the labels of a node', () => {
  const labelsOf = (text: string) => readWorkerConfig({ SANDPIPER_LABELS: text }).SANDPIPER_LABELS;

  it('are names with values', () => {
    expect(labelsOf('')).toEqual({});
    expect(labelsOf('zone=north,disk=ssd,note=')).toEqual({ zone: 'north', disk: 'ssd', note: '' });
  });

  it.each(['zone', 'zone=a=b', '=a', '1=a', 'a b=c', 'a=b c', 'a=1,a=2', 'a=1,', `a=${'x'.repeat(64)}`])(
    'are refused: %j',
    (text) => {
      expect(() => labelsOf(text)).toThrow(/SANDPIPER_LABELS.*must be NAME=VALUE/);
    },
  );

  it('are at most 16', () => {
    const names = (count: number) => Array.from({ length: count }, (_, i) => `n${i}=x`).join(',');
    expect(Object.keys(labelsOf(names(16)))).toHaveLength(16);
    expect(() => labelsOf(names(17))).toThrow(/at most 16/);
  });
});
