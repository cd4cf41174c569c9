import { join } from 'node:path';
import { InputError, NotDoneError } from '../files/errors.js';
import type { OwnValidator } from '../validators/own-validator.js';
import { programNames } from '../validators/own-validator.js';
import { loadPackageProgram, type ProgramOptions } from '../validators/package-program.js';
import type { Findings } from './findings.js';
import type { VerifyPart } from './parts.js';

/** The validators of inputs, or of answers. */
export interface DataValidators {
  readonly validators: readonly OwnValidator[];
  /** false: a further one is not run here, so what these accept may still be rejected. */
  readonly isComplete: boolean;
}

/** Languages of the format for descriptions of data, which need a program that is not here. */
const DESCRIPTIONS: Readonly<Record<string, string>> = { ctd: 'Checktestdata', viva: 'VIVA' };

/** Validators of all folders that are there, by their names; what cannot run becomes a finding. */
export async function loadDataValidators(
  part: VerifyPart,
  folders: readonly string[],
  options: ProgramOptions,
  findings: Findings,
): Promise<DataValidators> {
  const validators: OwnValidator[] = [];
  let isComplete = true;
  for (const folder of folders) {
    for (const file of await programNames(join(options.root, folder))) {
      const name = `${folder}/${file}`;
      const program = await loadOne(part, name, options, findings);
      if (program === null) isComplete = false;
      else validators.push(program);
    }
  }
  return { validators, isComplete };
}

async function loadOne(
  part: VerifyPart,
  name: string,
  options: ProgramOptions,
  findings: Findings,
): Promise<OwnValidator | null> {
  const description = DESCRIPTIONS[/\.([a-z]+)$/.exec(name)?.[1] ?? ''];
  if (description !== undefined) {
    findings.warning(part, name, `is not run: ${description} files are not read here`);
    return null;
  }
  try {
    return { name, program: await loadPackageProgram(join(options.root, name), options) };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    const message = error.message.replaceAll(`${options.root}/`, '');
    if (error instanceof NotDoneError) findings.warning(part, name, `is not run: ${message}`);
    else findings.error(part, name, message.replace(`${name}: `, ''));
    return null;
  }
}
