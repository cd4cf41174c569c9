import { z } from 'zod';
import { InputError } from '../files/errors.js';
import { wordsOf } from '../package/problem-yaml.js';
import { yamlBoolean } from '../package/yaml.js';
import { type LegacyRules, SCORE_MODES, VERDICT_MODES } from './test-case.js';

const finite = z.number({ error: 'must be a finite number' });
const flags = z.union(
  [z.string(), z.strictObject({ name: z.string(), flags: z.string().optional() })],
  'must be a text, or a map of name and flags',
);
const words = z.array(z.union([z.string(), z.number().transform(String)]), 'must be a list of texts');

/** testdata.yaml. `input_validator_flags` is a map from names to flags in older packages too. */
export const legacyGroupSchema = z.strictObject({
  on_reject: z.enum(['break', 'continue']).optional(),
  grading: z.enum(['default', 'custom']).optional(),
  grader_flags: z.string().optional(),
  input_validator_flags: z.unknown().optional(),
  output_validator_flags: flags.optional(),
  accept_score: finite.optional(),
  reject_score: finite.optional(),
  range: z.string({ error: 'must be two numbers, the smaller first' }).optional(),
});
export type LegacyGroupYaml = z.infer<typeof legacyGroupSchema>;

const inherited = {
  args: words.optional(),
  input_validator_args: z.unknown().optional(),
  output_validator_args: words.optional(),
  input_visualizer_args: z.unknown().optional(),
  output_visualizer_args: z.unknown().optional(),
  full_feedback: yamlBoolean.optional(),
};

/** test_group.yaml. */
export const modernGroupSchema = z.strictObject({
  ...inherited,
  max_score: z
    .union([z.number().int().min(0), z.literal('unbounded')], 'must be a whole number or unbounded')
    .optional(),
  score_aggregation: z.enum(['pass-fail', 'sum', 'min']).optional(),
  static_validation_score: z.unknown().optional(),
  static_validator_args: z.unknown().optional(),
  require_pass: z.union([z.string(), z.array(z.string())]).optional(),
});
export type ModernGroupYaml = z.infer<typeof modernGroupSchema>;

/** NAME.yaml of one test. */
export const testYamlSchema = z.strictObject({
  ...inherited,
  hint: z.unknown().optional(),
  description: z.unknown().optional(),
});

/** @param isRoot whether the group is `data` itself, the only one that can ignore samples */
export function legacyRulesOf(given: LegacyGroupYaml, isRoot: boolean, where: string): LegacyRules {
  let rules: LegacyRules = {
    kind: 'legacy',
    breaksOnReject: given.on_reject !== 'continue',
    verdictMode: 'worst_error',
    scoreMode: 'sum',
    ignoresSample: false,
    acceptsIfAny: false,
    acceptScore: given.accept_score ?? 1,
    rejectScore: given.reject_score ?? 0,
    range: rangeOf(given.range, where),
  };
  if (given.grading === 'custom') return { ...rules, graderFlags: wordsOf(given.grader_flags) };
  for (const word of wordsOf(given.grader_flags)) {
    const verdictMode = word === 'no_errors' ? 'worst_error' : VERDICT_MODES.find((mode) => mode === word);
    const scoreMode = SCORE_MODES.find((mode) => mode === word);
    if (verdictMode !== undefined) rules = { ...rules, verdictMode };
    else if (scoreMode !== undefined) rules = { ...rules, scoreMode };
    else if (word === 'accept_if_any_accepted') rules = { ...rules, acceptsIfAny: true };
    // Inherited by the groups below, where it has no samples to ignore.
    else if (word === 'ignore_sample') rules = { ...rules, ignoresSample: isRoot };
    else throw new InputError(`${where}: grader_flags: unknown flag ${JSON.stringify(word)}`);
  }
  return rules;
}

function rangeOf(text: string | undefined, where: string): readonly [number, number] {
  const [low = NaN, high = NaN, ...more] = wordsOf(text ?? '-inf +inf').map(boundOf);
  if (more.length > 0 || !(low <= high)) {
    throw new InputError(`${where}: range: must be two numbers, the smaller first`);
  }
  return [low, high];
}

function boundOf(word: string): number {
  if (/^[+-]?inf$/i.test(word)) return word.startsWith('-') ? -Infinity : Infinity;
  return /^[+-]?[\d.]/.test(word) ? Number(word) : NaN;
}
