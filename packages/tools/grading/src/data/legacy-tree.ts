import { join } from 'node:path';
import { InputError } from '../files/errors.js';
import { compareNames } from '../files/names.js';
import { wordsOf } from '../package/problem-yaml.js';
import { checkYaml, readYaml } from '../package/yaml.js';
import { buildTests, type Inherited, inputFlagsFrom, type TestBuilder } from './build-tests.js';
import { legacyGroupSchema, type LegacyGroupYaml, legacyRulesOf } from './group-settings.js';
import type { ListedFolder } from './list-folder.js';
import type { GivenInputFlags, TestCase, TestGroup } from './test-case.js';

export interface LegacyContext extends TestBuilder {
  readonly isScoring: boolean;
  /** `validator_flags` of problem.yaml: every validator call has them before those of its group. */
  readonly validatorFlags: readonly string[];
  readonly problemYaml: string;
  /** Whether the package has a grader of its own. */
  readonly hasGrader: boolean;
}

/** Groups by testdata.yaml: each folder is one, and has from its parent what it does not say itself. */
export async function legacyTree(data: ListedFolder, context: LegacyContext): Promise<TestGroup> {
  return groupOf(data, { settings: {}, flagsFrom: context.problemYaml, inputFlags: null }, context, true);
}

/** What a group has from those above it. */
interface Parent {
  readonly settings: LegacyGroupYaml;
  readonly flagsFrom: string;
  readonly inputFlags: GivenInputFlags | null;
}

async function groupOf(
  folder: ListedFolder,
  parent: Parent,
  context: LegacyContext,
  isRoot: boolean,
): Promise<TestGroup> {
  const file = join(folder.path, 'testdata.yaml');
  const own = folder.hasTestdataYaml ? await settingsOf(file, context) : {};
  const settings = { ...parent.settings, ...own };
  const here: Parent = {
    settings,
    flagsFrom: own.output_validator_flags === undefined ? parent.flagsFrom : file,
    inputFlags: inputFlagsFrom(own.input_validator_flags, file) ?? parent.inputFlags,
  };
  const tests = await buildTests(folder, inheritedOf(here, context), context);
  const groups: TestGroup[] = [];
  for (const below of folder.folders) groups.push(await groupOf(below, here, context, false));
  return { name: folder.name, items: inOrder(tests, groups), rules: legacyRulesOf(settings, isRoot, file) };
}

async function settingsOf(
  file: string,
  { edit, isScoring, hasGrader }: LegacyContext,
): Promise<LegacyGroupYaml> {
  const settings = checkYaml(legacyGroupSchema, await readYaml(file, edit), file);
  if (settings.grading === 'custom' && !isScoring)
    throw new InputError(`${file}: grading: custom: is only for scoring problems`);
  if (settings.grading === 'custom' && !hasGrader)
    throw new InputError(`${file}: grading: custom: and there is no grader in graders/`);
  if (isScoring) return settings;
  for (const key of ['accept_score', 'reject_score', 'range'] as const) {
    if (settings[key] !== undefined) throw new InputError(`${file}: ${key}: is only for scoring problems`);
  }
  return settings;
}

function inheritedOf({ settings, flagsFrom, inputFlags }: Parent, context: LegacyContext): Inherited {
  const flags = settings.output_validator_flags;
  const own = wordsOf(typeof flags === 'string' ? flags : flags?.flags);
  // Some packages repeat in a group what problem.yaml says.
  const isRepeated = own.join(' ') === context.validatorFlags.join(' ');
  const validatorFlags = isRepeated ? own : [...context.validatorFlags, ...own];
  return { args: [], validatorFlags, flagsFrom, inputFlags };
}

/** Tests and groups together by their names, without the endings. */
function inOrder(tests: readonly TestCase[], groups: readonly TestGroup[]): (TestCase | TestGroup)[] {
  const base = (item: TestCase | TestGroup): string => item.name.slice(item.name.lastIndexOf('/') + 1);
  return [...tests, ...groups].sort((a, b) => compareNames(base(a), base(b)));
}
