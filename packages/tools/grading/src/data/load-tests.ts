import { join } from 'node:path';
import { isFolder } from '../files/bounded.js';
import { InputError } from '../files/errors.js';
import { withConstants } from '../package/constants.js';
import type { ProblemSettings } from '../package/problem-yaml.js';
import { isLegacy } from '../package/version.js';
import { readYaml } from '../package/yaml.js';
import { legacyTree } from './legacy-tree.js';
import { countTests, type ListedFolder, listFolder, type ListingBounds, MAX_TESTS } from './list-folder.js';
import { modernTree } from './modern-tree.js';
import type { TestGroup } from './test-case.js';

/** The folders of `data` that hold tests, in the order of judging. */
const JUDGED = ['sample', 'secret'] as const;

/**
 * The test data of a problem as a tree of groups.
 * @throws InputError for data that cannot be judged as the format says
 */
export async function loadTests(
  folder: string,
  settings: ProblemSettings,
  { hasOwnValidator, hasGrader }: { readonly hasOwnValidator: boolean; readonly hasGrader: boolean },
  bounds: ListingBounds,
): Promise<TestGroup> {
  const data = await listData(folder, bounds);
  if (data.folders.every((below) => countTests(below) === 0)) {
    throw new InputError(`${folder}: the problem has no test data (data/sample/*.in and data/secret/*.in)`);
  }
  if (countTests(data) > MAX_TESTS) throw new InputError(`${folder}: has more than ${MAX_TESTS} tests`);
  const context = {
    isScoring: settings.types.has('scoring'),
    validatorFlags: settings.validatorFlags,
    problemYaml: join(folder, 'problem.yaml'),
    checksFlags: !hasOwnValidator,
    hasGrader,
    edit: (text: string) => withConstants(text, settings.constants),
  };
  return (await isModern(data, settings)) ? modernTree(data, context) : legacyTree(data, context);
}

async function listData(folder: string, bounds: ListingBounds): Promise<ListedFolder> {
  const path = join(folder, 'data');
  const nothing: ListedFolder = {
    path,
    name: 'data',
    tests: [],
    folders: [],
    hasTestdataYaml: false,
    hasTestGroupYaml: false,
  };
  if (!(await isFolder(path))) return nothing;
  // Of its other folders, such as invalid_input, no test is judged.
  const all = await listFolder(path, 'data', { ...bounds, only: new Set<string>(JUDGED) });
  return {
    ...all,
    folders: JUDGED.flatMap((name) => all.folders.filter((one) => one.name === `data/${name}`)),
  };
}

/** Whether test_group.yaml says how groups count. The draft had both names, one after the other. */
async function isModern(data: ListedFolder, { version }: ProblemSettings): Promise<boolean> {
  const found = { testdata: [] as string[], testGroup: [] as string[] };
  collectSettings(data, found);
  const [testdata] = found.testdata;
  const [testGroup] = found.testGroup;
  if (isLegacy(version)) {
    if (testGroup !== undefined) {
      throw new InputError(`${testGroup}: is for the version 2025-09, and problem.yaml says ${version}`);
    }
    return false;
  }
  if (version === '2025-09') {
    for (const file of found.testdata) {
      // An empty one says nothing that could be lost.
      if (Object.keys((await readYaml(file)) ?? {}).length > 0) {
        throw new InputError(`${file}: is for versions before 2025-09, where it is named test_group.yaml`);
      }
    }
    return true;
  }
  if (testdata !== undefined && testGroup !== undefined) {
    throw new InputError(`${testGroup}: excludes ${testdata}: they are of different versions`);
  }
  return testdata === undefined;
}

function collectSettings(folder: ListedFolder, found: { testdata: string[]; testGroup: string[] }): void {
  if (folder.hasTestdataYaml) found.testdata.push(join(folder.path, 'testdata.yaml'));
  if (folder.hasTestGroupYaml) found.testGroup.push(join(folder.path, 'test_group.yaml'));
  for (const below of folder.folders) collectSettings(below, found);
}
