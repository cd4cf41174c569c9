import { z } from 'zod';
import { InputError } from '../files/errors.js';
import { type Constants, constantsOf, constantsSchema } from './constants.js';
import { type LimitSettings, limitSettingsOf, limitsYamlSchema, MOST_OUTPUT_MIB } from './limits.js';
import { type FormatVersion, formatVersionOf, isLegacy } from './version.js';
import { checkYaml, parseYaml, yamlBoolean } from './yaml.js';

const TYPES = ['pass-fail', 'scoring', 'multi-pass', 'interactive', 'submit-answer'] as const;
type ProblemType = (typeof TYPES)[number];

/** problem.yaml, whatever its version. */
export interface ProblemSettings {
  readonly version: FormatVersion;
  /** null in legacy packages without one: the folder's name serves. */
  readonly name: string | null;
  readonly types: ReadonlySet<ProblemType>;
  /** Whether the output validators of the package judge, in versions that say so here; null where the folder says it. */
  readonly customValidator: boolean | null;
  /** `custom score`: the validator gives the points. */
  readonly validatorScores: boolean;
  readonly validatorFlags: readonly string[];
  /** Of legacy scoring problems. */
  readonly objective: 'max' | 'min';
  readonly limits: LimitSettings;
  readonly constants: Constants;
  /** Departures from the format that do not change a verdict. */
  readonly warnings: readonly string[];
}

const name = z.string({ error: 'must be a text, or a text for each language' }).min(1).max(256);
const text = z.unknown().optional();

const problemYamlSchema = z.strictObject({
  problem_format_version: text,
  name: z.union([name, z.record(z.string(), name)], 'must be a text, or a text for each language').optional(),
  type: z.union([z.string(), z.array(z.string()).min(1)], 'must be a type or a list of types').optional(),
  limits: limitsYamlSchema.optional(),
  validation: z.string().max(256).optional(),
  validator_flags: z.string({ error: 'must be a text' }).max(1024).optional(),
  grading: z
    .strictObject({
      objective: z.enum(['max', 'min']).optional(),
      show_test_data_groups: yamlBoolean.optional(),
    })
    .optional(),
  languages: z.union([z.string(), z.array(z.string()).min(1)]).optional(),
  constants: constantsSchema.optional(),
  allow_file_writing: yamlBoolean.optional(),
  // For people and archives.
  uuid: text,
  version: text,
  author: text,
  credits: text,
  source: text,
  source_url: text,
  license: text,
  rights_owner: text,
  embargo_until: text,
  keywords: text,
  libraries: text,
  verified: text,
});

type ProblemYaml = z.infer<typeof problemYamlSchema>;

/**
 * Parses the text of a `problem.yaml`. `where` names the file in errors.
 * @throws InputError one line with the path of the wrong field
 */
export function parseProblemYaml(yaml: string, where: string): ProblemSettings {
  const value = parseYaml(yaml, where);
  if (value === null || value === undefined) throw new InputError(`${where}: must be a mapping of settings`);
  // First, so that a package of the future is not blamed for its keys.
  const version = formatVersionOf(
    (value as { problem_format_version?: unknown }).problem_format_version,
    where,
  );
  const given = checkYaml(problemYamlSchema, value, where);
  assertKeysOf(version, given, where);
  assertPython(given, where);
  const validation = validationOf(given, where);
  return {
    version,
    name: nameOf(given, where),
    types: typesOf(given, validation, where),
    customValidator: isLegacy(version) || validation.length > 0 ? validation[0] === 'custom' : null,
    validatorScores: validation.includes('score'),
    validatorFlags: wordsOf(given.validator_flags),
    objective: given.grading?.objective ?? 'max',
    limits: limitSettingsOf(given.limits ?? {}, version),
    constants: constantsOf(given.constants ?? {}),
    warnings: warningsOf(version, given, where),
  };
}

/** Keys that change the judging, in versions that give the same thing another place: taken for the wrong one, they would be lost. */
function assertKeysOf(version: FormatVersion, given: ProblemYaml, where: string): void {
  if (version !== '2025-09') return;
  const moved = {
    validation: 'the folder output_validator/ says it',
    validator_flags: 'output_validator_args of test_group.yaml says it',
    grading: 'test_group.yaml says it',
  } as const;
  for (const key of ['validation', 'validator_flags', 'grading'] as const) {
    if (given[key] !== undefined) {
      throw new InputError(`${where}: ${key}: is a key of earlier versions; in 2025-09 ${moved[key]}`);
    }
  }
}

function assertPython({ languages }: ProblemYaml, where: string): void {
  const list = typeof languages === 'string' ? languages.split(/[\s,]+/) : (languages ?? ['all']);
  if (list.some((language) => /^(all|python3?|pypy3?|python3numpy)$/.test(language))) return;
  throw new InputError(`${where}: languages: python3 is not among them, and only Python is judged here`);
}

function validationOf({ validation }: ProblemYaml, where: string): readonly string[] {
  const words = wordsOf(validation);
  const [kind, ...more] = words;
  if (kind === undefined || (kind === 'default' && more.length === 0)) return words;
  const unknown = more.find((word) => !['score', 'interactive', 'multi-pass'].includes(word));
  if (kind !== 'custom' || unknown !== undefined) {
    throw new InputError(`${where}: validation: ${JSON.stringify(unknown ?? validation)} is not known`);
  }
  return words;
}

function typesOf({ type }: ProblemYaml, validation: readonly string[], where: string): Set<ProblemType> {
  const words = typeof type === 'string' ? wordsOf(type) : (type ?? []);
  const types = new Set(
    words.map((word) => {
      const known = TYPES.find((one) => one === word);
      if (known === undefined) throw new InputError(`${where}: type: ${JSON.stringify(word)} is not known`);
      return known;
    }),
  );
  if (validation.includes('interactive')) types.add('interactive');
  if (validation.includes('multi-pass')) types.add('multi-pass');
  for (const [a, b] of [
    ['pass-fail', 'scoring'],
    ['submit-answer', 'multi-pass'],
    ['submit-answer', 'interactive'],
  ] as const) {
    if (types.has(a) && types.has(b))
      throw new InputError(`${where}: type: ${a} and ${b} exclude each other`);
  }
  return types;
}

function nameOf({ name: given }: ProblemYaml, where: string): string | null {
  if (given === undefined || typeof given === 'string') return given ?? null;
  const picked = given['en'] ?? Object.values(given)[0];
  if (picked === undefined) throw new InputError(`${where}: name: must have at least one language`);
  return picked;
}

function warningsOf(version: FormatVersion, given: ProblemYaml, where: string): string[] {
  const warnings: string[] = [];
  const output = given.limits?.output ?? given.limits?.output_mb ?? 0;
  if (output > MOST_OUTPUT_MIB) {
    warnings.push(`${where}: limits.output: ${output} MiB; a run prints at most ${MOST_OUTPUT_MIB} MiB here`);
  }
  if (!isLegacy(version)) {
    if (given.name === undefined) warnings.push(`${where}: has no name, which ${version} requires`);
    if (given.uuid === undefined) warnings.push(`${where}: has no uuid, which ${version} requires`);
    if (typeof given.type === 'string' && wordsOf(given.type).length > 1)
      warnings.push(`${where}: type: several types are a list in ${version}`);
  }
  return warnings;
}

/** The words of flags, as a shell without quotes would split them. */
export function wordsOf(flags: string | undefined): string[] {
  return (flags ?? '').split(/\s+/).filter((word) => word !== '');
}
