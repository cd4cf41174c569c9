import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../files/errors.js';
import { isIgnoredName } from '../files/names.js';
import type { Compiler } from '../validators/native/compiler.js';
import { loadValidators, type OwnValidator, validatorFolder } from '../validators/own-validator.js';
import type { ValidatorScoring } from '../validators/protocol.js';
import type { ProblemSettings } from './problem-yaml.js';
import { isLegacy } from './version.js';

/** What judges outputs when it is not the default validator. */
export interface OwnJudging {
  readonly validators: readonly OwnValidator[];
  readonly scoring: ValidatorScoring;
  /** 1 unless the problem is multi-pass. */
  readonly passes: number;
  /** The validator talks with the program while both run. */
  readonly isInteractive: boolean;
}

/**
 * The output validators of the package; null where the default one judges. Refuses what a package asks for and is not done
 * here: judged without it, it would get verdicts that look right and are not.
 * @throws InputError that names the feature and the file
 */
export async function loadOwnJudging(
  folder: string,
  settings: ProblemSettings,
  compiler: Compiler | null,
): Promise<OwnJudging | null> {
  const yaml = join(folder, 'problem.yaml');
  if (await isFilled(join(folder, 'static_validator'))) {
    throw new InputError(`${join(folder, 'static_validator')}: static validators are not run here`);
  }
  const isMultiPass = settings.types.has('multi-pass');
  const isInteractive = settings.types.has('interactive');
  const kind = isMultiPass ? 'multi-pass' : isInteractive ? 'interactive' : null;
  const found =
    settings.customValidator === false ? null : await validatorFolder(folder, isLegacy(settings.version));
  if (found === null) {
    if (settings.customValidator === true)
      throw new InputError(`${yaml}: validation: custom: and there is no output validator`);
    if (kind !== null) throw new InputError(`${yaml}: ${kind} problems need an output validator`);
    return null;
  }
  const { constants } = settings;
  const validators = await loadValidators(
    found,
    { root: folder, constants, compiler },
    isLegacy(settings.version),
  );
  if (kind !== null && validators.length > 1) {
    throw new InputError(`${join(folder, found)}: a problem of type ${kind} has one output validator`);
  }
  return {
    validators,
    scoring: scoringOf(settings),
    passes: isMultiPass ? settings.limits.validationPasses : 1,
    isInteractive,
  };
}

function scoringOf({ version, types, validatorScores }: ProblemSettings): ValidatorScoring {
  if (validatorScores) return 'always';
  if (!types.has('scoring')) return 'never';
  return isLegacy(version) ? 'optional' : 'accepted';
}

async function isFilled(folder: string): Promise<boolean> {
  const names = await readdir(folder).catch(() => []);
  return names.some((name) => !isIgnoredName(name));
}
