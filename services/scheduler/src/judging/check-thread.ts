import { rm } from 'node:fs/promises';
import { errorCode, type ProblemFacts } from '@sandpiper/contracts';
import { InputError } from '@sandpiper/grading/basics';
import { factsOf, openPackage, type PackageBounds } from './check-package.js';

export interface PackageCheckTask {
  readonly file: string;
  readonly id: string;
  readonly bounds: PackageBounds;
  readonly folder: string;
}

/** Errors lose their class on the way between threads. */
export type CheckAnswer =
  | { readonly facts: ProblemFacts }
  | { readonly fault: string }
  | { readonly noRoom: true };

/** Piscina calls this in a thread of the scheduler. */
// oxlint-disable-next-line import/no-default-export -- Piscina calls the default export
export default async function checkInThread({
  file,
  id,
  bounds,
  folder,
}: PackageCheckTask): Promise<CheckAnswer> {
  try {
    const opened = await openPackage(file, id, bounds, folder);
    await rm(opened.folder, { recursive: true, force: true });
    return { facts: factsOf(opened.problem) };
  } catch (error) {
    if (error instanceof InputError) return { fault: error.message };
    if (errorCode(error) === 'ENOSPC') return { noRoom: true };
    throw error;
  }
}
