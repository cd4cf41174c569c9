import { describe, expect, it } from 'vitest';
import { loadProblem } from '../../src/package/problem.js';
import { scratchFolder, testFiles } from '../put.js';

const { path, put } = scratchFolder();
const MODERN = 'problem_format_version: 2025-09\nname: x\nuuid: u\n';
const own = async () => (await loadProblem(path())).own;

describe('output validators of a package', () => {
  it('are files and folders of output_validators/ in the earlier format', async () => {
    await put({
      'problem.yaml':
        'validation: custom score\ntype: scoring\nlimits: {validation_time: 5}\nvalidator_flags: "any words"',
      'output_validators/a.py': '',
      'output_validators/b/validate.py': 'import lib',
      'output_validators/b/lib.py': '',
      ...testFiles('secret/1'),
    });
    const found = await own();
    expect(found).toMatchObject({ scoring: 'always', passes: 1 });
    expect(found?.validators.map(({ name, program }) => [name, program.entry])).toEqual([
      ['output_validators/a.py', 'a.py'],
      ['output_validators/b', 'validate.py'],
    ]);
    const { allTests, limitSettings } = await loadProblem(path());
    expect(allTests[0]?.validatorFlags).toEqual(['any', 'words']);
    expect(limitSettings.validator.cpuMs).toBe(5000);
  });

  it('are one program from 2023-07 on, told by its folder, with constants', async () => {
    await put({
      'problem.yaml': `${MODERN}constants: {n: 3}\ntype: [scoring, multi-pass]\nlimits: {validation_passes: 4}`,
      'output_validator/main.py': 'N = {{n}}',
      'output_validator/README.md': '',
      'data/secret/test_group.yaml': 'output_validator_args: [x]',
      ...testFiles('secret/1'),
    });
    const found = await own();
    expect(found).toMatchObject({ scoring: 'accepted', passes: 4 });
    expect(
      found?.validators.map(({ name, program }) => [
        name,
        program.files.find((file) => file.name === 'main.py')?.bytes.toString(),
      ]),
    ).toEqual([['output_validator', 'N = 3']]);
  });

  it('may be a script in Python that is named run', async () => {
    await put({
      'problem.yaml': 'validation: custom',
      'output_validators/v/run': '#!/usr/bin/env python3\nimport lib',
      'output_validators/v/lib.py': '',
      'output_validators/notes.h': '',
      ...testFiles('secret/1'),
    });
    expect((await own())?.validators.map(({ name, program }) => [name, program.entry])).toEqual([
      ['output_validators/v', 'run'],
    ]);
  });

  it('do nothing where the earlier format says that the default one judges', async () => {
    await put({ 'problem.yaml': 'name: x', 'output_validators/a.cc': '', ...testFiles('secret/1') });
    expect(await own()).toBeNull();
  });

  it.each<[string, Record<string, string>, RegExp]>([
    [
      'C++',
      { 'output_validators/a.cc': '' },
      /output_validators\/a\.cc: C\+\+ is compiled only where --compile/,
    ],
    ['C++ in a folder', { 'output_validators/v/a.cc': '' }, /v\/a\.cc: C\+\+ is compiled only where/],
    [
      'Java',
      { 'output_validators/v/A.java': '' },
      /v\/A\.java: only validators in Python, C and C\+\+ are run here/,
    ],
    [
      'two languages',
      { 'output_validators/v/a.cc': '', 'output_validators/v/b.py': '' },
      /a\.cc and b\.py; a validator is in one language/,
    ],
    [
      'a script that builds it',
      { 'output_validators/v/build': '', 'output_validators/v/a.cc': '' },
      /v\/build: scripts that build/,
    ],
    [
      'a script',
      { 'output_validators/v/run': '#!/bin/sh\nexit 42', 'output_validators/v/a.py': '' },
      /v\/run: of scripts that run a validator only those in Python/,
    ],
    ['a program of a machine', { 'output_validators/v/run': '\u007fELF\u0001\u0001' }, /v\/run: of scripts/],
    ['nothing', {}, /validation: custom: and there is no output validator/],
  ])('in %s are refused by name', async (_name, files, message) => {
    await put({ 'problem.yaml': 'validation: custom', ...files, ...testFiles('secret/1') });
    await expect(own()).rejects.toThrow(message);
  });
});
