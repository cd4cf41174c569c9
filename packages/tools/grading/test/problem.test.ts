import { describe, expect, it } from 'vitest';
import { InputError } from '../src/errors.js';
import { parseProblemYaml } from '../src/problem.js';

const parse = (text: string) => parseProblemYaml(text, 'p/problem.yaml');

describe('problem.yaml', () => {
  it('sets name, limits and checker', () => {
    const text =
      'name: Sums\nlimits:\n  time_limit: 1.5\n  memory_mb: 64\n  output_mb: 2\nvalidator_flags: float_tolerance 1e-4\n';
    expect(parse(text)).toEqual({
      name: 'Sums',
      limits: { cpuMs: 1500, wallMs: 6500, memoryBytes: 64 * 2 ** 20, outputBytes: 2 * 2 ** 20 },
      checker: {
        caseSensitive: false,
        spaceChangeSensitive: false,
        absoluteTolerance: 1e-4,
        relativeTolerance: 1e-4,
      },
    });
  });

  it('accepts fields of the Kattis format that have no effect here', () => {
    const problem = parse(
      'name: {sv: Summor, en: Sums}\nlicense: cc by\nlimits: {time_multiplier: 5, memory: 512}\n',
    );
    expect(problem.name).toBe('Sums');
    expect(problem.limits.memoryBytes).toBe(512 * 2 ** 20);
  });

  it.each([
    ['an empty file', '', /problem\.yaml: must be a mapping/],
    ['no name', 'limits: {time_limit: 1}', /problem\.yaml: name: /],
    ['a limit that is no number', 'name: x\nlimits: {time_limit: fast}', /limits\.time_limit: /],
    ['a limit of 0', 'name: x\nlimits: {memory_mb: 0}', /limits\.memory_mb: /],
    ['a negative limit', 'name: x\nlimits: {time_limit: -1}', /limits\.time_limit: /],
    ['an unknown limit', 'name: x\nlimits: {tiem_limit: 1}', /limits\.tiem_limit: unknown field/],
    ['an unknown field', 'name: x\nlimit: 3', /problem\.yaml: limit: unknown field/],
    ['two times', 'name: x\nlimits: {time_limit: 1, cpuMs: 5}', /limits\.cpuMs: give at most one/],
    ['a custom validator', 'name: x\nvalidation: custom', /validation: only the default checker/],
    ['an unknown flag', 'name: x\nvalidator_flags: loud', /validator_flags: unknown flag "loud"/],
    ['broken YAML', 'name: [x\nlimits: 3', /problem\.yaml:\d+: not YAML: /],
    [
      'a bomb of aliases',
      `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefg'.replace(/./g, (c, i: number) => `${c}: &${c} [${Array(9).fill(`*${'abcdef'[i]}`).join(',')}]\n`)}`,
      /problem\.yaml: /,
    ],
  ])('refuses %s in one line', (_name, text, message) => {
    expect(() => parse(text)).toThrow(InputError);
    expect(() => parse(text)).toThrow(message);
    try {
      parse(text);
    } catch (error) {
      expect((error as Error).message).not.toContain('\n');
    }
  });
});
