import { z } from 'zod';
import { InputError } from '../../files/errors.js';
import { checkYaml, parseYaml } from '../../package/yaml.js';

const MAX_OUTPUT_BYTES = 256 * 1024 * 1024;

/** What a case says, or the batch or the file around it: DMOJ looks outwards for what is not there. */
const settingsShape = {
  in: z.union([z.string(), z.number().transform(String)], 'must be a file name').optional(),
  out: z.union([z.string(), z.number().transform(String)], 'must be a file name').optional(),
  points: z.number({ error: 'must be a number' }).min(0).max(1_000_000).optional(),
  checker: z
    .union(
      [z.string(), z.strictObject({ name: z.string(), args: z.record(z.string(), z.unknown()).optional() })],
      'must be a name, or a map of name and args',
    )
    .optional(),
  binary_data: z.boolean({ error: 'must be true or false' }).optional(),
  output_limit_length: z.number().int().min(1).max(MAX_OUTPUT_BYTES).optional(),
  wall_time_factor: z.number().positive().max(1000).optional(),
  // Of what is shown to people, and of other languages.
  output_prefix_length: z.unknown().optional(),
  hints: z.unknown().optional(),
  unbuffered: z.unknown().optional(),
  symlinks: z.unknown().optional(),
};

const caseSchema = z.strictObject(settingsShape);
const batchSchema = z.strictObject({
  ...settingsShape,
  batched: z.array(caseSchema, 'must be a list of cases').min(1, 'has no case').max(10_000),
  dependencies: z.array(z.number().int().min(1), 'must be a list of numbers of batches').optional(),
});
const formatsSchema = z.strictObject({
  input_format: z.string().max(1024).optional(),
  output_format: z.string().max(1024).optional(),
  case_points: z.array(z.number().min(0)).max(100_000).optional(),
});

const listSchema = z.array(z.looseObject({}), 'must be a list of cases').max(100_000);
const initYmlSchema = z.strictObject({
  ...settingsShape,
  archive: z.string({ error: 'must be a file name' }).min(1).optional(),
  test_cases: z.unknown().optional(),
  pretest_test_cases: z.unknown().optional(),
});

export interface InitYml {
  /** What the cases have where they do not say it. */
  readonly settings: DmojSettings;
  readonly archive: string | null;
  /** A list, or how the files of the cases are named. */
  readonly cases: readonly DmojItem[] | DmojFormats;
  readonly pretests: readonly DmojItem[];
}
export type DmojSettings = z.infer<typeof caseSchema>;
export type DmojBatch = z.infer<typeof batchSchema>;
export type DmojFormats = z.infer<typeof formatsSchema>;
export type DmojItem = DmojSettings | DmojBatch;

/** What asks for programs of the problem, which are not run here. */
const NOT_DONE = [
  'custom_judge',
  'interactive',
  'signature_grader',
  'grader',
  'generator',
  'generator_args',
  'generator_in',
  'file_io',
  'dependencies',
] as const;

/**
 * Parses `init.yml` of DMOJ.
 * @param where names the file in errors
 * @throws InputError one line with the place, and by name for what is not done here
 */
export function parseInitYml(yaml: string, where: string): InitYml {
  const value = parseYaml(yaml, where);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new InputError(`${where}: must be a mapping of settings`);
  refuse(value, where, '');
  const {
    test_cases: cases,
    pretest_test_cases: pretests,
    archive,
    ...settings
  } = checkYaml(initYmlSchema, value, where);
  return {
    settings,
    archive: archive ?? null,
    cases: Array.isArray(cases)
      ? itemsOf(cases, `${where}: test_cases`)
      : checkYaml(formatsSchema, cases, `${where}: test_cases`),
    pretests: pretests === undefined ? [] : itemsOf(pretests, `${where}: pretest_test_cases`),
  };
}

function itemsOf(value: unknown, where: string): DmojItem[] {
  return checkYaml(listSchema, value, where).map((item, n) =>
    checkYaml<typeof batchSchema | typeof caseSchema>(
      'batched' in item ? batchSchema : caseSchema,
      item,
      `${where}.${n}`,
    ),
  );
}

/** First, so that the message says what it is rather than that a field is unknown. */
function refuse(value: object, where: string, path: string): void {
  for (const [key, held] of Object.entries(value)) {
    const place = `${where}: ${path}${key}`;
    if (/\+\+?$/.test(key))
      throw new InputError(`${place}: is Python that makes settings, and is not run here`);
    const isBatch = key === 'dependencies' && 'batched' in value;
    if (!isBatch && NOT_DONE.some((name) => name === key.replaceAll('-', '_')))
      throw new InputError(`${place}: is not done here`);
    if (key === 'symlinks' && typeof held === 'object' && Object.keys(held as object).length > 0)
      throw new InputError(`${place}: links are not made here`);
    if (key === 'checker' || typeof held !== 'object' || held === null) continue;
    refuse(held as object, where, `${path}${key}.`);
  }
}

/** Settings from the outermost inwards. */
export function inherited(...levels: readonly DmojSettings[]): DmojSettings {
  return Object.assign({}, ...levels.map(plain)) as DmojSettings;
}

const plain = (settings: DmojSettings): DmojSettings => caseSchema.strip().parse(settings);

export const isBatch = (item: DmojItem): item is DmojBatch => 'batched' in item;
