import { describe, expect, it } from 'vitest';
import { Findings } from '../../src/verify/findings.js';
import { inputFlagsFor } from '../../src/verify/input-flags.js';
import { loadValidationCases } from '../../src/verify/validation-data.js';
import { scratchFolder } from '../put.js';

const { path, put } = scratchFolder();

describe('tests of validators', () => {
  it('are those of the four folders, with the settings of the groups above them', async () => {
    await put({
      'data/test_group.yaml': 'input_validator_args: [all]',
      'data/invalid_input/a.in': '',
      'data/invalid_input/deep/b.in': '',
      'data/invalid_input/deep/test_group.yaml': 'input_validator_args: {one: [x]}\nargs: [y]',
      'data/invalid_output/c.in': '',
      'data/invalid_output/c.ans': '',
      'data/invalid_output/c.out': '',
      'data/invalid_output/c.yaml': 'output_validator_args: [z]',
      'data/invalid_output/c.files/d.in': '',
      'data/secret/e.in': '',
    });
    const cases = await loadValidationCases(path());
    expect(
      cases.map(({ name, kind, args, outputFlags, inputFlags }) => [
        name,
        kind,
        args,
        outputFlags,
        inputFlags?.value,
      ]),
    ).toEqual([
      ['invalid_input/a', 'invalid_input', [], null, ['all']],
      ['invalid_input/deep/b', 'invalid_input', ['y'], null, { one: ['x'] }],
      ['invalid_output/c', 'invalid_output', [], ['z'], ['all']],
    ]);
  });

  it.each([
    ['invalid_output', '.out'],
    ['valid_output', '.out'],
    ['invalid_answer', '.ans'],
  ])('in %s need a file *%s', async (kind, ending) => {
    await put({ [`data/${kind}/a.in`]: '', ...(ending === '.out' ? { [`data/${kind}/a.ans`]: '' } : {}) });
    await expect(loadValidationCases(path())).rejects.toThrow(
      `data/${kind}/a.in: has no a${ending} beside it`,
    );
  });
});

describe('flags of input validators', () => {
  it.each<[unknown, readonly string[]]>([
    ['one  two', ['one', 'two']],
    [
      ['one', 2],
      ['one', '2'],
    ],
    [{ name: 'check', flags: 'one' }, ['one']],
    [{ name: 'other', flags: 'one' }, []],
    [{ check: 'one', other: 'two' }, ['one']],
    [{ 'check.py': ['one'] }, ['one']],
  ])('%j', (value, flags) => {
    expect(inputFlagsFor({ value, from: 'x.yaml' }, 'input_validators/check.py')).toEqual(flags);
  });

  it('of another form are refused with the file that has them', () => {
    expect(() => inputFlagsFor({ value: 5, from: 'data/testdata.yaml' }, 'a.py')).toThrow(
      'data/testdata.yaml: flags of input validators must be',
    );
  });
});

describe('findings', () => {
  it('are in the order of their parts, errors first, and few of one kind', () => {
    const findings = new Findings();
    for (let n = 0; n < 30; n++)
      findings.warning('inputs', `secret/${n}`, `wrong in its own way: ${n}`, 'wrong');
    findings.error('inputs', 'a', 'b');
    findings.error('package', 'c', 'd');
    const all = findings.all();
    expect(all.slice(0, 3).map(({ where }) => where)).toEqual(['c', 'a', 'secret/0']);
    expect(all).toHaveLength(23);
    expect(all.at(-1)).toMatchObject({ where: '...', message: '10 more of this kind' });
  });
});
