import { InputError } from '../files/errors.js';

/** The versions of the problem package format. */
const FORMAT_VERSIONS = ['legacy', 'legacy-icpc', '2023-07-draft', '2025-09'] as const;
export type FormatVersion = (typeof FORMAT_VERSIONS)[number];

/** Other names of the same texts: the draft was renamed while it was written. */
const ALIASES: Readonly<Record<string, FormatVersion>> = {
  '2023-07': '2023-07-draft',
  '2025-09-draft': '2025-09',
};

/** Absent means `legacy`. @throws InputError for a version that is not known, and names it */
export function formatVersionOf(value: unknown, where: string): FormatVersion {
  if (value === undefined) return 'legacy';
  const known = FORMAT_VERSIONS.find((version) => version === value);
  const version = known ?? (typeof value === 'string' ? ALIASES[value] : undefined);
  if (version !== undefined) return version;
  throw new InputError(
    `${where}: problem_format_version: ${JSON.stringify(value) ?? 'it'} is not known, only ${FORMAT_VERSIONS.join(', ')}`,
  );
}

/** Whether the version has `validation`, `validator_flags`, `grading` and `output_validators/`. */
export const isLegacy = (version: FormatVersion): boolean => version.startsWith('legacy');
