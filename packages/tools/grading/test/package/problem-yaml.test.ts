import { DEFAULT_LIMITS } from '@sandpiper/contracts';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/files/errors.js';
import { withConstants } from '../../src/package/constants.js';
import { limitsFor, timeLimitFrom } from '../../src/package/limits.js';
import { parseProblemYaml } from '../../src/package/problem-yaml.js';

const parse = (text: string) => parseProblemYaml(text, 'p/problem.yaml');
const MIB = 2 ** 20;

describe('problem.yaml', () => {
  it('is legacy without a version, and may be without a name', () => {
    const problem = parse('source: somewhere\n');
    expect(problem).toMatchObject({ version: 'legacy', name: null, customValidator: false, warnings: [] });
    expect([...problem.types]).toEqual([]);
  });

  it('sets limits', () => {
    const { limits } = parse('name: Sums\nlimits:\n  time_limit: 1.5\n  memory_mb: 64\n  output_mb: 2\n');
    expect(limitsFor(limits, limits.timing.cpuMs ?? 0)).toEqual({
      cpuMs: 1500,
      wallMs: 6500,
      memoryBytes: 64 * MIB,
      outputBytes: 2 * MIB,
    });
  });

  it('has the usual memory of judges where it names none', () => {
    const { limits } = parse('name: x');
    expect(limits).toMatchObject({ memoryBytes: 2048 * MIB, memoryIsGiven: false, codeBytes: null });
    expect(limits.outputBytes).toBe(DEFAULT_LIMITS.outputBytes);
    expect(limits.timing.cpuMs).toBeNull();
  });

  it('takes a key without a value for absent', () => {
    const problem = parse('name: x\nlimits:\nvalidation:\nvalidator_flags:\ngrading:\ntype:\nauthor:\n');
    expect(problem).toMatchObject({ customValidator: false, validatorFlags: [], objective: 'max' });
    expect(parse('name: x\nlimits:\n  memory:\n  time_limit: 2\n').limits.timing.cpuMs).toBe(2000);
  });

  it('has the booleans of YAML 1.1', () => {
    for (const word of ['yes', 'On', 'NO', 'off', 'true']) parse(`grading: {show_test_data_groups: ${word}}`);
    expect(() => parse('allow_file_writing: maybe')).toThrow(
      'p/problem.yaml: allow_file_writing: must be true or false',
    );
  });

  it('may ask for more output than a run can have, and says what it gets', () => {
    const { limits, warnings } = parse('limits: {output: 24576}');
    expect(limits.outputBytes).toBe(256 * MIB);
    expect(warnings).toEqual(['p/problem.yaml: limits.output: 24576 MiB; a run prints at most 256 MiB here']);
    expect(() => parse('limits: {memory: 1e9}')).toThrow(
      'limits.memory: Too big: expected number to be <=65536',
    );
  });

  it('multiplies the slowest accepted run as its version says', () => {
    const timing = (text: string) => parse(text).limits.timing;
    expect(timeLimitFrom(500, timing('name: x'))).toBe(3000);
    expect(timeLimitFrom(1, timing('name: x'))).toBe(1000);
    expect(timeLimitFrom(400, timing('limits: {time_multiplier: 2}'))).toBe(1000);
    const modern = 'problem_format_version: 2025-09\nuuid: u\nname: x\n';
    expect(timeLimitFrom(500, timing(modern))).toBe(1000);
    expect(timeLimitFrom(501, timing(modern))).toBe(2000);
    expect(
      timeLimitFrom(
        501,
        timing(`${modern}limits: {time_resolution: 0.1, time_multipliers: {ac_to_time_limit: 3}}`),
      ),
    ).toBe(1600);
    expect(timing(modern).timeLimitToTle).toBe(1.5);
    expect(timing('limits: {time_safety_margin: 4}').timeLimitToTle).toBe(4);
  });

  it.each([
    ['legacy', 'problem_format_version: legacy'],
    ['legacy-icpc', 'problem_format_version: legacy-icpc'],
    ['2023-07-draft', 'problem_format_version: 2023-07-draft\nname: x\nuuid: u'],
    ['2023-07-draft', 'problem_format_version: 2023-07\nname: x\nuuid: u'],
    ['2025-09', 'problem_format_version: 2025-09\nname: {sv: Summor, en: Sums}\nuuid: u'],
  ])('tells the version %s', (version, text) => {
    expect(parse(text)).toMatchObject({ version, warnings: [] });
  });

  it('names a version that it does not know, before it looks at anything else', () => {
    expect(() => parse('problem_format_version: 2031-01\nnew_key: 1')).toThrow(
      /problem_format_version: "2031-01" is not known, only legacy, legacy-icpc, 2023-07-draft, 2025-09$/,
    );
  });

  it('knows the keys of all versions', () => {
    const text = [
      'problem_format_version: 2025-09',
      'name: {sv: Summor, en: Sums}',
      'uuid: 8ee7605a-26db-897d-15c8-b72d4e1bfcbb',
      'version: 2',
      'credits: {authors: [A, {name: B}]}',
      'source: [{name: C, url: d}]',
      'license: cc by',
      'rights_owner: E',
      'embargo_until: 2027-01-01',
      'keywords: [graphs]',
      'languages: [cpp, python3]',
      'allow_file_writing: true',
      'constants: {n: 5, big: {value: 1000000, tex: "10^6"}}',
      'limits: {time_multipliers: {time_limit_to_tle: 4}, time_resolution: 0.5, code: 64, compilation_time: 1}',
    ];
    const problem = parse(text.join('\n'));
    expect(problem.name).toBe('Sums');
    expect(problem.limits.codeBytes).toBe(64 * 1024);
    expect(withConstants('{{n}} {{big.tex}} {{big}} {{none}}', problem.constants)).toBe(
      '5 10^6 1000000 {{none}}',
    );
    const legacy = parse(
      'name: x\nauthor: a\nsource: b\nsource_url: c\nlicense: cc by-sa\nrights_owner: d\nkeywords: e f\nvalidation: default\nvalidator_flags: float_tolerance 1e-4\ntype: scoring\ngrading: {objective: min, show_test_data_groups: true}\nlimits: {time_multiplier: 5, time_safety_margin: 2, validation_time: 9}',
    );
    expect(legacy).toMatchObject({ objective: 'min', validatorFlags: ['float_tolerance', '1e-4'] });
  });

  it('tells types and validators', () => {
    const types = (text: string) => [...parse(text).types].sort();
    expect(types('type: scoring')).toEqual(['scoring']);
    expect(types('validation: custom interactive score')).toEqual(['interactive']);
    expect(parse('validation: custom interactive score')).toMatchObject({
      customValidator: true,
      validatorScores: true,
    });
    expect(types('validation: custom multi-pass')).toEqual(['multi-pass']);
    expect(types('problem_format_version: 2025-09\ntype: [scoring, interactive]')).toEqual([
      'interactive',
      'scoring',
    ]);
    expect(parse('problem_format_version: 2025-09\ntype: pass-fail interactive').warnings.join()).toMatch(
      /are a list/,
    );
    // There the folder output_validator/ says it.
    expect(parse('problem_format_version: 2025-09').customValidator).toBeNull();
  });

  it.each([
    ['an empty file', '', /problem\.yaml: must be a mapping/],
    ['a list', '- name', /problem\.yaml: must be a mapping/],
    [
      'a limit that is no number',
      'limits: {time_limit: fast}',
      /limits\.time_limit: must be a finite number/,
    ],
    ['a limit that is NaN', 'limits: {time_limit: .nan}', /limits\.time_limit: must be a finite number/],
    ['a limit of 0', 'limits: {memory_mb: 0}', /limits\.memory_mb: /],
    ['a negative limit', 'limits: {time_limit: -1}', /limits\.time_limit: /],
    ['an unknown limit', 'limits: {tiem_limit: 1}', /limits\.tiem_limit: unknown field/],
    ['an unknown field', 'limit: 3', /problem\.yaml: limit: unknown field/],
    ['two times', 'limits: {time_limit: 1, cpuMs: 5}', /limits\.cpuMs: give at most one/],
    ['two memories', 'limits: {memory: 100, memory_mb: 5000}', /limits\.memory: give at most one/],
    ['an unknown validation', 'validation: custom loud', /validation: "loud" is not known/],
    ['an unknown type', 'type: quiz', /type: "quiz" is not known/],
    [
      'types that exclude each other',
      'type: [pass-fail, scoring]',
      /pass-fail and scoring exclude each other/,
    ],
    ['other languages', 'languages: [cpp, java]', /languages: python3 is not among them/],
    ['a name that is a number', 'name: 5', /name: must be a text/],
    [
      'validation in 2025-09',
      'problem_format_version: 2025-09\nvalidation: custom',
      /validation: is a key of earlier/,
    ],
    ['a constant without a value', 'constants: {n: {tex: a}}', /constants\.n: needs a value/],
    ['broken YAML', 'name: [x\nlimits: 3', /problem\.yaml:\d+: not YAML: /],
    ['a key twice', 'name: x\nname: y', /problem\.yaml:2: not YAML: /],
    [
      'a bomb of aliases',
      `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefg'.replace(/./g, (c, i: number) => `${c}: &${c} [${Array(9).fill(`*${'abcdef'[i]}`).join(',')}]\n`)}`,
      /problem\.yaml: /,
    ],
    ['deep nesting', `name: ${'['.repeat(200)}${']'.repeat(200)}`, /nested more than 32 deep/],
    ['10 MB', `name: ${'x'.repeat(10_000_000)}`, /is too large/],
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
