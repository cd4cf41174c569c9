import { describe, expect, it } from 'vitest';
import { loadProblem } from '../../src/package/problem.js';
import { scratchFolder, testFiles } from '../put.js';

const { path, put } = scratchFolder();
const MODERN = 'problem_format_version: 2025-09\nname: x\nuuid: u\n';
const namesIn = async () => (await loadProblem(path())).allTests.map(({ name }) => name);

describe('test data', () => {
  it('is read at any depth, samples first, by name and not by number', async () => {
    await put({
      'problem.yaml': 'name: x',
      ...testFiles('sample/1'),
      ...testFiles('secret/9'),
      ...testFiles('secret/10'),
      ...testFiles('secret/1'),
      ...testFiles('secret/1-a'),
      ...testFiles('secret/5group/sub/2'),
      'data/secret/1.desc': '',
      'data/invalid_input/1.in': '',
    });
    expect(await namesIn()).toEqual([
      'sample/1',
      'secret/1',
      'secret/1-a',
      'secret/10',
      'secret/5group/sub/2',
      'secret/9',
    ]);
  });

  it('has content that is read when it is needed', async () => {
    await put({ 'problem.yaml': 'name: x', ...testFiles('secret/1', 'in', 'answer') });
    const [test] = (await loadProblem(path())).allTests;
    expect(test?.input.bytes).toBe(2);
    expect((await test?.answer.read())?.toString()).toBe('answer');
  });

  it.each<[string, Record<string, string>, RegExp]>([
    [
      'an input without an answer',
      { 'data/secret/g/03.in': '' },
      /secret\/g\/03\.in: has no answer file 03\.ans/,
    ],
    ['an answer without an input', { 'data/sample/a.ans': '' }, /sample\/a\.ans: has no input file a\.in/],
    ['a folder for an input', { 'data/secret/1.in/x': '', 'data/secret/1.ans': '' }, /1\.in: is a folder/],
    [
      'tests beside the groups',
      { 'data/1.in': '', 'data/1.ans': '' },
      /data\/1\.ans: tests lie in data\/sample/,
    ],
    [
      'a folder of the name of a test',
      { ...testFiles('secret/a'), ...testFiles('secret/a/1') },
      /have the same name/,
    ],
    [
      'settings of 2025-09',
      { ...testFiles('secret/1'), 'data/secret/test_group.yaml': '' },
      /is for the version 2025-09/,
    ],
    [
      'an unknown key',
      { ...testFiles('secret/1'), 'data/testdata.yaml': 'on_rject: break' },
      /on_rject: unknown field/,
    ],
    [
      'an unknown grader',
      { ...testFiles('secret/1'), 'data/testdata.yaml': 'grader_flags: best' },
      /unknown flag "best"/,
    ],
    [
      'points without scoring',
      { ...testFiles('secret/1'), 'data/testdata.yaml': 'accept_score: 5' },
      /only for scoring/,
    ],
    [
      'flags that no validator knows',
      { ...testFiles('secret/1'), 'data/testdata.yaml': 'output_validator_flags: loud' },
      /testdata\.yaml: flags of the validator: unknown flag "loud"/,
    ],
  ])('with %s is refused by name', async (_name, files, message) => {
    await put({ 'problem.yaml': 'name: x', ...files });
    await expect(loadProblem(path())).rejects.toThrow(message);
  });

  it.each([
    ['a score of NaN', 'accept_score: .nan', /accept_score: must be a finite number/],
    ['an infinite score', 'reject_score: .inf', /reject_score: must be a finite number/],
    ['a range that is none', 'range: 5', /range: must be two numbers/],
    ['a range that is upside down', 'range: 5 1', /range: must be two numbers/],
    ['a range of words', 'range: a b', /range: must be two numbers/],
  ])('with %s is refused by name', async (_name, yaml, message) => {
    await put({ 'problem.yaml': 'type: scoring', 'data/testdata.yaml': yaml, ...testFiles('secret/1') });
    await expect(loadProblem(path())).rejects.toThrow(message);
  });

  it('inherits flags from the folders above, after those of the problem', async () => {
    await put({
      'problem.yaml': 'validator_flags: case_sensitive',
      'data/secret/testdata.yaml': 'output_validator_flags: float_tolerance 0.5',
      ...testFiles('sample/1'),
      ...testFiles('secret/a/1'),
      'data/secret/b/testdata.yaml': 'output_validator_flags: space_change_sensitive',
      ...testFiles('secret/b/1'),
    });
    const tests = (await loadProblem(path())).allTests;
    expect(tests.map(({ checker }) => checker)).toMatchObject([
      { caseSensitive: true, absoluteTolerance: null },
      { caseSensitive: true, absoluteTolerance: 0.5, relativeTolerance: 0.5 },
      { caseSensitive: true, absoluteTolerance: null, spaceChangeSensitive: true },
    ]);
  });

  it('of 2025-09 has arguments, files and flags of a group and of a test', async () => {
    await put({
      'problem.yaml': `${MODERN}constants: {eps: 0.25}`,
      'data/test_group.yaml': 'output_validator_args: [float_tolerance, "{{eps}}"]',
      'data/secret/test_group.yaml': 'args: [a, "5"]\nfull_feedback: false',
      ...testFiles('secret/1'),
      ...testFiles('secret/2'),
      'data/secret/2.yaml': 'args: [b]\noutput_validator_args: [case_sensitive]\ndescription: d\nhint: h',
      'data/secret/2.files/data/in.txt': 'text',
    });
    const [first, second] = (await loadProblem(path())).allTests;
    expect(first).toMatchObject({ args: ['a', '5'], files: [], checker: { absoluteTolerance: 0.25 } });
    expect(second).toMatchObject({ args: ['b'], checker: { absoluteTolerance: null, caseSensitive: true } });
    expect(second?.files.map(({ name }) => name)).toEqual(['data/in.txt']);
    expect((await second?.files[0]?.content.read())?.toString()).toBe('text');
  });

  it.each<[string, Record<string, string>, RegExp]>([
    [
      'settings of earlier versions',
      { 'data/secret/testdata.yaml': 'on_reject: break' },
      /is for versions before 2025-09/,
    ],
    [
      'a group within a group',
      {
        'data/secret/g/test_group.yaml': 'max_score: 100',
        'data/secret/g/h/test_group.yaml': '',
        ...testFiles('secret/g/h/1'),
      },
      /a group of tests within another/,
    ],
    [
      'tests beside groups',
      { 'data/secret/g/test_group.yaml': 'max_score: 1', ...testFiles('secret/g/1') },
      /has tests beside groups/,
    ],
    [
      'a group without max_score',
      { 'data/secret/g/test_group.yaml': '', ...testFiles('secret/g/1') },
      /max_score: is missing/,
    ],
    [
      'a score that is no number',
      { 'data/secret/test_group.yaml': 'max_score: .nan' },
      /max_score: must be a whole number/,
    ],
    [
      'a circle',
      { 'data/secret/test_group.yaml': 'require_pass: secret' },
      /require_pass: "secret" is no group before it/,
    ],
    [
      'points for samples',
      { 'data/sample/test_group.yaml': 'max_score: 1', ...testFiles('sample/1') },
      /max_score: is not for samples/,
    ],
  ])('of 2025-09 with %s is refused by name', async (_name, files, message) => {
    const hasGroups = Object.keys(files).some((name) => name.startsWith('data/secret/g/'));
    const wantsBoth = String(message).includes('beside');
    await put({
      'problem.yaml': `${MODERN}type: scoring`,
      ...(hasGroups && !wantsBoth ? {} : testFiles('secret/1')),
      ...files,
    });
    await expect(loadProblem(path())).rejects.toThrow(message);
  });

  it('takes an empty testdata.yaml in 2025-09 for nothing', async () => {
    await put({
      'problem.yaml': MODERN,
      'data/secret/testdata.yaml': '# nothing\n',
      ...testFiles('secret/1'),
    });
    expect(await namesIn()).toEqual(['secret/1']);
  });
});
