import { join } from 'node:path';
import { REQUEST_BOUNDS } from '@sandpiper/contracts';
import { mapAtOnce } from '../files/at-once.js';
import { boundedSize } from '../files/bounded.js';
import { fileContent } from '../files/content.js';
import { InputError } from '../files/errors.js';
import { filesBelow } from '../files/files-below.js';
import { checkYaml, readYaml } from '../package/yaml.js';
import { DEFAULT_CHECKER, parseCheckerFlags, type CheckerOptions } from '../validators/flags.js';
import { testYamlSchema } from './group-settings.js';
import type { ListedFolder, ListedTest } from './list-folder.js';
import type { GivenInputFlags, TestCase, TestFile } from './test-case.js';

/** No program may print as much; a validator of the package may want a larger answer than an output. */
const MAX_ANSWER_BYTES = 512 * 1024 * 1024;
const STATS_AT_ONCE = 32;

/** What tests have from the groups above them. */
export interface Inherited {
  readonly args: readonly string[];
  readonly validatorFlags: readonly string[];
  /** The file that gave the flags, for errors. */
  readonly flagsFrom: string;
  readonly inputFlags: GivenInputFlags | null;
}

export interface TestBuilder {
  /** false: flags go to a validator of the package, which alone knows them. */
  readonly checksFlags: boolean;
  readonly edit: (text: string) => string;
}

/** The tests of one folder, in its order. */
export async function buildTests(
  folder: ListedFolder,
  inherited: Inherited,
  builder: TestBuilder,
): Promise<TestCase[]> {
  const checkers = new Map<string, CheckerOptions>();
  return mapAtOnce(folder.tests, STATS_AT_ONCE, async (listed) => {
    const own = await ownSettings(folder, listed, inherited, builder);
    const path = (ending: string): string => join(folder.path, `${listed.stem}${ending}`);
    // A validator of the package gets both as files of its run.
    const maxInput = builder.checksFlags ? REQUEST_BOUNDS.stdinBytes : REQUEST_BOUNDS.sourceBytes;
    const maxAnswer = builder.checksFlags ? MAX_ANSWER_BYTES : REQUEST_BOUNDS.sourceBytes;
    const [inputBytes, answerBytes] = await Promise.all([
      boundedSize(path('.in'), maxInput),
      boundedSize(path('.ans'), maxAnswer),
    ]);
    return {
      name: `${folder.name.slice('data/'.length)}/${listed.stem}`,
      input: fileContent(path('.in'), inputBytes, maxInput),
      answer: fileContent(path('.ans'), answerBytes, maxAnswer),
      args: own.args,
      files: listed.hasFiles ? await testFiles(path('.files')) : [],
      validatorFlags: own.validatorFlags,
      ...(own.inputFlags === null ? {} : { inputFlags: own.inputFlags }),
      checker: builder.checksFlags ? checkerOf(own, checkers) : DEFAULT_CHECKER,
    };
  });
}

async function ownSettings(
  folder: ListedFolder,
  { stem, hasYaml }: ListedTest,
  inherited: Inherited,
  { edit }: TestBuilder,
): Promise<Inherited> {
  if (!hasYaml) return inherited;
  const file = join(folder.path, `${stem}.yaml`);
  const given = checkYaml(testYamlSchema, await readYaml(file, edit), file);
  return {
    args: given.args ?? inherited.args,
    validatorFlags: given.output_validator_args ?? inherited.validatorFlags,
    flagsFrom: given.output_validator_args === undefined ? inherited.flagsFrom : file,
    inputFlags: inputFlagsFrom(given.input_validator_args, file) ?? inherited.inputFlags,
  };
}

/** null where a file does not give them. */
export function inputFlagsFrom(value: unknown, from: string): GivenInputFlags | null {
  return value === undefined ? null : { value, from };
}

/** Most tests of a folder share their flags. */
function checkerOf(
  { validatorFlags, flagsFrom }: Inherited,
  known: Map<string, CheckerOptions>,
): CheckerOptions {
  const key = validatorFlags.join('\0');
  const found = known.get(key);
  if (found !== undefined) return found;
  try {
    const options = parseCheckerFlags(validatorFlags);
    known.set(key, options);
    return options;
  } catch (error) {
    if (error instanceof InputError)
      throw new InputError(`${flagsFrom}: flags of the validator: ${error.message}`);
    throw error;
  }
}

async function testFiles(folder: string): Promise<TestFile[]> {
  const found = await filesBelow(folder, { maxFiles: REQUEST_BOUNDS.files });
  return mapAtOnce(found, STATS_AT_ONCE, async ({ name, path }) => ({
    name,
    content: fileContent(
      path,
      await boundedSize(path, REQUEST_BOUNDS.sourceBytes),
      REQUEST_BOUNDS.sourceBytes,
    ),
  }));
}
