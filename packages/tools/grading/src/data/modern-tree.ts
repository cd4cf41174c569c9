import { join } from 'node:path';
import { InputError } from '../files/errors.js';
import { compareNames } from '../files/names.js';
import { checkYaml, readYaml } from '../package/yaml.js';
import { buildTests, type Inherited, inputFlagsFrom, type TestBuilder } from './build-tests.js';
import { modernGroupSchema, type ModernGroupYaml } from './group-settings.js';
import type { ListedFolder } from './list-folder.js';
import type { ModernRules, TestCase, TestGroup } from './test-case.js';

export interface ModernContext extends TestBuilder {
  readonly isScoring: boolean;
  readonly validatorFlags: readonly string[];
  readonly problemYaml: string;
}

/** Groups by test_group.yaml: `sample`, `secret`, and the folders of `secret` that have one. */
export async function modernTree(data: ListedFolder, context: ModernContext): Promise<TestGroup> {
  const top: Inherited = {
    args: [],
    validatorFlags: context.validatorFlags,
    flagsFrom: context.problemYaml,
    inputFlags: null,
  };
  const { inherited } = await settingsOf(data, top, context);
  const items: TestGroup[] = [];
  for (const folder of data.folders) {
    items.push(
      folder.name === 'data/secret'
        ? await secret(folder, inherited, context)
        : await sample(folder, inherited, context),
    );
  }
  assertDependencies(items, context);
  return {
    name: data.name,
    items,
    rules: { kind: 'modern', maxScore: null, aggregation: 'sum', requirePass: [] },
  };
}

async function sample(folder: ListedFolder, above: Inherited, context: ModernContext): Promise<TestGroup> {
  const { settings, inherited, file } = await settingsOf(folder, above, context);
  for (const key of ['max_score', 'score_aggregation', 'require_pass'] as const) {
    if (settings[key] !== undefined) throw new InputError(`${file}: ${key}: is not for samples`);
  }
  const items = await testsBelow(folder, inherited, context);
  return {
    name: folder.name,
    items,
    rules: { kind: 'modern', maxScore: null, aggregation: 'pass-fail', requirePass: [] },
  };
}

async function secret(folder: ListedFolder, above: Inherited, context: ModernContext): Promise<TestGroup> {
  const { settings, inherited, file } = await settingsOf(folder, above, context);
  const hasGroups = folder.folders.some((below) => below.hasTestGroupYaml);
  const rules = rulesOf(settings, { maxScore: 100, aggregation: 'sum' });
  if (!hasGroups) {
    const items = await testsBelow(folder, inherited, context);
    return { name: folder.name, items, rules };
  }
  if (folder.tests.length > 0) {
    throw new InputError(`${folder.path}: has tests beside groups of tests; put them into a group`);
  }
  const items: TestGroup[] = [];
  for (const below of folder.folders) {
    if (!below.hasTestGroupYaml)
      throw new InputError(`${below.path}: lies among groups and has no test_group.yaml`);
    items.push(await group(below, inherited, context, rules));
  }
  if (context.isScoring && rules.aggregation === 'pass-fail' && rules.maxScore === null)
    throw new InputError(`${file}: max_score: must be bounded with the aggregation pass-fail`);
  return { name: folder.name, items, rules };
}

async function group(
  folder: ListedFolder,
  above: Inherited,
  context: ModernContext,
  secretRules: ModernRules,
): Promise<TestGroup> {
  const { settings, inherited, file } = await settingsOf(folder, above, context);
  const rules = rulesOf(settings, { maxScore: null, aggregation: 'pass-fail' });
  if (context.isScoring) {
    if (rules.maxScore === null && secretRules.maxScore !== null)
      throw new InputError(`${file}: max_score: is missing, and the score of data/secret is bounded`);
    if (rules.maxScore === null && rules.aggregation === 'pass-fail')
      throw new InputError(`${file}: max_score: must be bounded with the aggregation pass-fail`);
    if (secretRules.aggregation === 'pass-fail' && rules.aggregation !== 'pass-fail')
      throw new InputError(`${file}: score_aggregation: must be pass-fail as that of data/secret`);
  }
  const items = await testsBelow(folder, inherited, context);
  if (items.length === 0) throw new InputError(`${folder.path}: the group contains no test`);
  return { name: folder.name, items, rules };
}

/** All tests of a group, in folders too, by their whole names. */
async function testsBelow(
  folder: ListedFolder,
  above: Inherited,
  context: ModernContext,
): Promise<TestCase[]> {
  const tests = await buildTests(folder, above, context);
  for (const below of folder.folders) {
    if (below.hasTestGroupYaml) throw new InputError(`${below.path}: a group of tests within another`);
    tests.push(...(await testsBelow(below, above, context)));
  }
  return tests.sort((a, b) => compareNames(a.name, b.name));
}

async function settingsOf(
  folder: ListedFolder,
  above: Inherited,
  { edit, isScoring }: ModernContext,
): Promise<{ settings: ModernGroupYaml; inherited: Inherited; file: string }> {
  const file = join(folder.path, 'test_group.yaml');
  const settings: ModernGroupYaml = folder.hasTestGroupYaml
    ? checkYaml(modernGroupSchema, await readYaml(file, edit), file)
    : {};
  for (const key of ['static_validation_score', 'static_validator_args'] as const) {
    if (settings[key] !== undefined)
      throw new InputError(`${file}: ${key}: static validators are not run here`);
  }
  for (const key of ['max_score', 'score_aggregation', 'require_pass'] as const) {
    if (!isScoring && settings[key] !== undefined)
      throw new InputError(`${file}: ${key}: is only for scoring problems`);
  }
  const inherited: Inherited = {
    args: settings.args ?? above.args,
    validatorFlags: settings.output_validator_args ?? above.validatorFlags,
    flagsFrom: settings.output_validator_args === undefined ? above.flagsFrom : file,
    inputFlags: inputFlagsFrom(settings.input_validator_args, file) ?? above.inputFlags,
  };
  return { settings, inherited, file };
}

function rulesOf(
  settings: ModernGroupYaml,
  defaults: Pick<ModernRules, 'maxScore' | 'aggregation'>,
): ModernRules {
  const { max_score: max, require_pass: required } = settings;
  return {
    kind: 'modern',
    maxScore: max === 'unbounded' ? null : (max ?? defaults.maxScore),
    aggregation: settings.score_aggregation ?? defaults.aggregation,
    requirePass: (typeof required === 'string' ? [required] : (required ?? [])).map((name) => `data/${name}`),
  };
}

/** A group may depend on samples and on groups that come before it and pass or fail as a whole: so there is no circle. */
function assertDependencies(top: readonly TestGroup[], { isScoring }: ModernContext): void {
  if (!isScoring) return;
  const earlier = new Set<string>();
  const check = (group: TestGroup): void => {
    if (group.rules.kind !== 'modern') return;
    for (const name of group.rules.requirePass) {
      if (!earlier.has(name)) {
        throw new InputError(
          `${group.name}/test_group.yaml: require_pass: ${JSON.stringify(name.slice('data/'.length))} is no group before it that passes or fails as a whole`,
        );
      }
    }
    if (group.rules.aggregation === 'pass-fail') earlier.add(group.name);
  };
  for (const group of top) {
    check(group);
    for (const item of group.items) if ('items' in item) check(item);
  }
}
