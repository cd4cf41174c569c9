import { join } from 'node:path';
import { REQUEST_BOUNDS } from '@sandpiper/contracts';
import { modernGroupSchema, testYamlSchema } from '../data/group-settings.js';
import type { GivenInputFlags } from '../data/test-case.js';
import { boundedSize, isFile, isFolder } from '../files/bounded.js';
import { type Content, fileContent } from '../files/content.js';
import { InputError } from '../files/errors.js';
import { filesBelow } from '../files/files-below.js';
import { compareNames } from '../files/names.js';
import { checkYaml, readYaml } from '../package/yaml.js';

/** Folders of data that try the validators: what each holds beside its inputs. */
const FOLDERS = {
  invalid_input: [],
  invalid_answer: ['.ans'],
  invalid_output: ['.ans', '.out'],
  valid_output: ['.ans', '.out'],
} as const;
type ValidationKind = keyof typeof FOLDERS;

/** One test of the validators. */
export interface ValidationCase {
  readonly kind: ValidationKind;
  /** As tests are named: `invalid_output/1`. */
  readonly name: string;
  readonly input: Content;
  readonly answer: Content | null;
  readonly output: Content | null;
  readonly args: readonly string[];
  readonly inputFlags: GivenInputFlags | undefined;
  /** null: those of the problem. */
  readonly outputFlags: readonly string[] | null;
}

const MAX_CASES = 20_000;
const MAX_BYTES = REQUEST_BOUNDS.sourceBytes;

/**
 * The tests of the validators of a package.
 * @param root the folder of the package
 * @throws InputError for a test without one of its files
 */
export async function loadValidationCases(root: string): Promise<ValidationCase[]> {
  const cases: ValidationCase[] = [];
  for (const kind of Object.keys(FOLDERS) as ValidationKind[]) {
    const folder = join(root, 'data', kind);
    if (await isFolder(folder)) cases.push(...(await casesIn(folder, kind, root)));
  }
  return cases;
}

async function casesIn(folder: string, kind: ValidationKind, root: string): Promise<ValidationCase[]> {
  const found = await filesBelow(folder, { maxFiles: MAX_CASES, root });
  const names = new Set(found.map(({ name }) => name));
  const stems = [...names]
    .filter((name) => name.endsWith('.in') && !name.includes('.files/'))
    .map((name) => name.slice(0, -'.in'.length));
  const cases: ValidationCase[] = [];
  for (const stem of stems.sort(compareNames)) {
    for (const ending of FOLDERS[kind]) {
      if (!names.has(`${stem}${ending}`))
        throw new InputError(`${join(folder, `${stem}.in`)}: has no ${stem}${ending} beside it`);
    }
    cases.push(await caseOf(folder, stem, kind, root));
  }
  return cases;
}

async function caseOf(
  folder: string,
  stem: string,
  kind: ValidationKind,
  root: string,
): Promise<ValidationCase> {
  const has: readonly string[] = FOLDERS[kind];
  const content = async (ending: string): Promise<Content> => {
    const file = join(folder, `${stem}${ending}`);
    return fileContent(file, await boundedSize(file, MAX_BYTES), MAX_BYTES);
  };
  return {
    kind,
    name: `${kind}/${stem}`,
    input: await content('.in'),
    answer: has.includes('.ans') ? await content('.ans') : null,
    output: has.includes('.out') ? await content('.out') : null,
    ...(await settingsOf(join(root, 'data'), `${kind}/${stem}`)),
  };
}

/** From the files of the folders above a test, and its own. */
async function settingsOf(
  data: string,
  name: string,
): Promise<Pick<ValidationCase, 'args' | 'inputFlags' | 'outputFlags'>> {
  const parts = name.split('/');
  const folders = parts.map((_, depth) => join(data, ...parts.slice(0, depth)));
  let settings: Pick<ValidationCase, 'args' | 'inputFlags' | 'outputFlags'> = {
    args: [],
    inputFlags: undefined,
    outputFlags: null,
  };
  const files = [
    ...folders.map((folder) => ({ file: join(folder, 'test_group.yaml'), schema: modernGroupSchema })),
    { file: join(data, `${name}.yaml`), schema: testYamlSchema },
  ];
  for (const { file, schema } of files) {
    if (!(await isFile(file))) continue;
    const given = checkYaml(schema, await readYaml(file), file);
    settings = {
      args: given.args ?? settings.args,
      inputFlags:
        given.input_validator_args === undefined
          ? settings.inputFlags
          : { value: given.input_validator_args, from: file },
      outputFlags: given.output_validator_args ?? settings.outputFlags,
    };
  }
  return settings;
}
