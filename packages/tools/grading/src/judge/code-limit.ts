import type { Problem } from '../package/problem.js';
import type { Submission } from '../submissions/submission.js';

const KIB = 1024;

/** Why a submission cannot run: its own fault, or more code than the problem allows. Null where it can. */
export function faultOfSubmission(
  { limitSettings: { codeBytes } }: Pick<Problem, 'limitSettings'>,
  { fault, program }: Submission,
): string | null {
  if (fault !== null || program === null || codeBytes === null) return fault;
  const bytes = program.files.reduce((sum, file) => sum + file.bytes.length, 0);
  if (bytes <= codeBytes) return null;
  return `has ${bytes} bytes of code, more than the ${codeBytes / KIB} KiB of limits.code`;
}
