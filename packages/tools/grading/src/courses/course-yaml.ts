import { join } from 'node:path';
import { fileNameSchema } from '@sandpiper/contracts';
import { z } from 'zod';
import { isFile } from '../files/bounded.js';
import { InputError } from '../files/errors.js';
import { type LimitSettings, limitSettingsOf, limitsYamlSchema } from '../package/limits.js';
import { checkYaml, readYaml } from '../package/yaml.js';

const NAME = 'course.yaml';
const LIMITS: ReadonlySet<string> = new Set([
  'time_limit',
  'cpuMs',
  'wallMs',
  'memory',
  'memory_mb',
  'output',
  'output_mb',
]);

const courseYamlSchema = z.strictObject({
  name: z.string({ error: 'must be a text' }).min(1).max(256).optional(),
  limits: limitsYamlSchema.optional(),
  files: z.array(fileNameSchema, 'must be a list of file names').min(1).max(100).optional(),
});

/** `course.yaml`, which says what a folder of unit tests, of Classroom or of DMOJ has no place for. */
export interface CourseSettings {
  readonly name: string | null;
  readonly limits: LimitSettings;
  /** Names of what students hand in; empty: not said. */
  readonly files: readonly string[];
}

/** @throws InputError for a file that is there and wrong */
export async function readCourseYaml(folder: string): Promise<CourseSettings> {
  const file = join(folder, NAME);
  const yaml = (await isFile(file)) ? await readYaml(file) : {};
  const given = checkYaml(courseYamlSchema, yaml, file);
  for (const key of Object.keys(given.limits ?? {})) {
    if (!LIMITS.has(key)) throw new InputError(`${file}: limits.${key}: has no meaning for a course`);
  }
  return {
    name: given.name ?? null,
    limits: limitSettingsOf(given.limits ?? {}, 'legacy'),
    files: given.files ?? [],
  };
}

export const hasCourseYaml = (folder: string): Promise<boolean> => isFile(join(folder, NAME));
