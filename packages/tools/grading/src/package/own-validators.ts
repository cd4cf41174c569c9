import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../files/errors.js';
import { isIgnoredName } from '../files/names.js';
import type { ProblemSettings } from './problem-yaml.js';

/**
 * Refuses what a package asks for and is not done here. A package that was judged without it would get verdicts that look
 * right and are not.
 * @throws InputError that names the feature and the file
 */
export async function assertJudgeable(folder: string, settings: ProblemSettings): Promise<void> {
  const yaml = join(folder, 'problem.yaml');
  for (const type of ['interactive', 'multi-pass', 'submit-answer'] as const) {
    if (settings.types.has(type)) throw new InputError(`${yaml}: ${type} problems are not judged here`);
  }
  if (settings.customValidator === true) {
    throw new InputError(`${yaml}: validation: custom: output validators of the package are not run here`);
  }
  if (settings.customValidator === null && (await isFilled(join(folder, 'output_validator')))) {
    throw new InputError(
      `${join(folder, 'output_validator')}: output validators of the package are not run here`,
    );
  }
  if (await isFilled(join(folder, 'static_validator'))) {
    throw new InputError(`${join(folder, 'static_validator')}: static validators are not run here`);
  }
}

async function isFilled(folder: string): Promise<boolean> {
  const names = await readdir(folder).catch(() => []);
  return names.some((name) => !isIgnoredName(name));
}
