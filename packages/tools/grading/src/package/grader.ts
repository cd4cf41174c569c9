import { join } from 'node:path';
import { isGroup, type TestGroup } from '../data/test-case.js';
import { InputError } from '../files/errors.js';
import { type OwnValidator, programNames } from '../validators/own-validator.js';
import { loadPackageProgram, type ProgramOptions } from '../validators/package-program.js';

const FOLDER = 'graders';

export const hasGrader = async (root: string): Promise<boolean> =>
  (await programNames(join(root, FOLDER))).length > 0;

/**
 * The program that makes one result of the results of a group, in the earlier format. Null where no group asks for it.
 * @throws InputError for several, and for one that cannot run in the sandbox
 */
export async function loadGrader(tests: TestGroup, options: ProgramOptions): Promise<OwnValidator | null> {
  if (!asksForGrader(tests)) return null;
  const names = await programNames(join(options.root, FOLDER));
  const [only] = names;
  if (only === undefined || names.length > 1)
    throw new InputError(
      `${join(options.root, FOLDER)}: contains ${names.length} graders; a problem has one`,
    );
  return {
    name: `${FOLDER}/${only}`,
    program: await loadPackageProgram(join(options.root, FOLDER, only), options),
  };
}

/** Whether the group, or one in it, is graded by a program. */
export const asksForGrader = ({ rules, items }: TestGroup): boolean =>
  (rules.kind === 'legacy' && rules.graderFlags !== undefined) ||
  items.some((item) => isGroup(item) && asksForGrader(item));
