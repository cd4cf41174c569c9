import { join } from 'node:path';
import { z } from 'zod';
import { isFile } from '../files/bounded.js';
import { checkYaml, readYaml, yamlBoolean } from '../package/yaml.js';
import { matchesGlob } from './glob.js';
import {
  type ExpectedOutcome,
  FORMAT_VERDICTS,
  type FormatVerdict,
  type TestsExpectation,
} from './submission.js';

const verdicts = z.array(z.enum(FORMAT_VERDICTS)).min(1);
const rule = {
  permitted: verdicts.optional(),
  required: verdicts.optional(),
  score: z.union([z.number(), z.tuple([z.number(), z.number()])]).optional(),
  message: z.string().optional(),
  use_for_time_limit: z.union([yamlBoolean, z.enum(['lower', 'upper'])]).optional(),
};
const testsSchema = z.strictObject(rule);
const entrySchema = z
  .object({
    ...rule,
    language: z.string().optional(),
    entrypoint: z.string().optional(),
    authors: z.unknown().optional(),
    model_solution: z.unknown().optional(),
  })
  .catchall(testsSchema);
const submissionsSchema = z.record(z.string(), entrySchema.optional());
type Entry = z.infer<typeof entrySchema>;
type RuleYaml = z.infer<typeof testsSchema>;

const OWN_KEYS = new Set([...Object.keys(rule), 'language', 'entrypoint', 'authors', 'model_solution']);

/** The folders of the format, and those of DOMjudge, in which a name says what is expected. */
const FOLDERS: Readonly<Record<string, RuleYaml>> = {
  accepted: { permitted: ['AC'] },
  rejected: { required: ['RTE', 'TLE', 'WA'] },
  wrong_answer: { permitted: ['AC', 'WA'], required: ['WA'] },
  time_limit_exceeded: { permitted: ['AC', 'TLE'], required: ['TLE'] },
  run_time_error: { permitted: ['AC', 'RTE'], required: ['RTE'] },
  brute_force: { permitted: ['AC', 'RTE', 'TLE'], required: ['RTE', 'TLE'] },
  compile_error: { required: ['RTE'] },
  compiler_error: { required: ['RTE'] },
  memory_limit: { permitted: ['AC', 'RTE'], required: ['RTE'] },
  memory_limit_exceeded: { permitted: ['AC', 'RTE'], required: ['RTE'] },
  output_limit: { permitted: ['AC', 'RTE'], required: ['RTE'] },
  output_limit_exceeded: { permitted: ['AC', 'RTE'], required: ['RTE'] },
  no_output: { permitted: ['AC', 'WA'], required: ['WA'] },
};

/** Too slow may also be wrong elsewhere in the earlier format. */
const LEGACY_TLE: RuleYaml = { permitted: ['AC', 'WA', 'TLE'], required: ['TLE'] };

/** submissions/submissions.yaml. */
export type SubmissionsYaml = ReadonlyMap<string, Entry>;

export async function readSubmissionsYaml(folder: string): Promise<SubmissionsYaml> {
  const file = join(folder, 'submissions.yaml');
  if (!(await isFile(file))) return new Map();
  const parsed = checkYaml(submissionsSchema, await readYaml(file), file);
  const entries = Object.entries(parsed).flatMap(([glob, entry]) =>
    entry === undefined ? [] : [[glob, entry] as const],
  );
  return new Map(entries);
}

/** @param path below `submissions/`, e.g. `accepted/a.py` */
export function languageOf(yaml: SubmissionsYaml, path: string): string | null {
  return lastOf(yaml, path, 'language');
}

export function entryPointOf(yaml: SubmissionsYaml, path: string): string | null {
  return lastOf(yaml, path, 'entrypoint');
}

function lastOf(yaml: SubmissionsYaml, path: string, key: 'language' | 'entrypoint'): string | null {
  let found: string | null = null;
  for (const [glob, entry] of yaml) if (matchesGlob(glob, path)) found = entry[key] ?? found;
  return found;
}

/**
 * What a package expects of one of its submissions: a tag in its source, or its folder and submissions.yaml. Null where
 * nothing says it.
 */
export function expectationOf(
  path: string,
  source: Buffer | null,
  yaml: SubmissionsYaml,
  options: { readonly isLegacy: boolean; readonly isScoring: boolean },
): ExpectedOutcome | null {
  const [folder = ''] = path.split('/');
  const tagged = source === null ? null : taggedExpectation(source);
  if (tagged !== null) return tagged;
  if (options.isScoring && folder === 'partially_accepted') {
    return { text: 'partially_accepted', rules: [], score: null, isPartial: true };
  }
  const rules: RuleYaml[] = [];
  const perTests: TestsExpectation[] = [];
  const usual = options.isLegacy && folder === 'time_limit_exceeded' ? LEGACY_TLE : FOLDERS[folder];
  const own = yaml.get(folder);
  // The folder's name as a pattern replaces what the format says of it, key by key.
  if (usual !== undefined || own !== undefined) rules.push({ ...usual, ...own });
  for (const [glob, entry] of yaml) {
    if (!matchesGlob(glob, path)) continue;
    if (glob !== folder) rules.push(entry);
    for (const [tests, given] of Object.entries(entry)) {
      if (!OWN_KEYS.has(tests)) perTests.push(testsRule(tests, given as RuleYaml));
    }
  }
  const stated = rules.filter(
    (one) => one.permitted !== undefined || one.required !== undefined || one.message !== undefined,
  );
  const scores = rules.flatMap((one) => (one.score === undefined ? [] : [one.score]));
  if (stated.length + perTests.length + scores.length === 0) return null;
  return {
    text: folder in FOLDERS && rules.length === 1 ? folder : describe(stated, perTests),
    rules: [...stated.map((one) => testsRule(null, one)), ...perTests],
    score: scoreRange(scores),
    isPartial: false,
  };
}

function testsRule(tests: string | null, given: RuleYaml): TestsExpectation {
  return {
    tests,
    permitted: new Set(given.permitted ?? FORMAT_VERDICTS),
    required: new Set(given.required ?? FORMAT_VERDICTS),
    message: given.message ?? null,
  };
}

function scoreRange(scores: readonly (number | [number, number])[]): readonly [number, number] | null {
  const given = scores.at(-1);
  if (given === undefined) return null;
  return typeof given === 'number' ? [given, given] : given;
}

/** `@EXPECTED_RESULTS@: WRONG-ANSWER, TIMELIMIT` or `@EXPECTED_SCORE@: 30`, as DOMjudge has them. */
function taggedExpectation(source: Buffer): ExpectedOutcome | null {
  const text = source.toString('latin1');
  const score = Number(tagIn(text, 'SCORE') || NaN);
  if (Number.isFinite(score)) {
    return { text: `${score} points`, rules: [], score: [score, score], isPartial: false };
  }
  const required = new Set<FormatVerdict>();
  for (const word of tagIn(text, 'RESULTS').split(',')) {
    const verdict =
      TAGS[
        word
          .trim()
          .toUpperCase()
          .replaceAll('_', '-')
          .replace(/[^A-Z-].*$/, '')
      ];
    if (verdict !== undefined) required.add(verdict);
  }
  if (required.size === 0) return null;
  // A program that is to be slow passes the tests that are small, and so on.
  const rule: TestsExpectation = {
    tests: null,
    permitted: new Set<FormatVerdict>(['AC', ...required]),
    required,
    message: null,
  };
  return { text: [...required].join(' or '), rules: [rule], score: null, isPartial: false };
}

const tagIn = (text: string, name: 'SCORE' | 'RESULTS'): string =>
  new RegExp(`@EXPECTED_${name}@:[ \\t]*([^\\r\\n]*)`).exec(text)?.[1] ?? '';

const TAGS: Readonly<Record<string, FormatVerdict>> = {
  CORRECT: 'AC',
  ACCEPTED: 'AC',
  'WRONG-ANSWER': 'WA',
  'NO-OUTPUT': 'WA',
  TIMELIMIT: 'TLE',
  'TIME-LIMIT-EXCEEDED': 'TLE',
  'RUN-ERROR': 'RTE',
  'RUN-TIME-ERROR': 'RTE',
  'MEMORY-LIMIT': 'RTE',
  'OUTPUT-LIMIT': 'RTE',
  'COMPILER-ERROR': 'RTE',
};

function describe(stated: readonly RuleYaml[], perTests: readonly TestsExpectation[]): string {
  const required = stated.map((one) => one.required ?? one.permitted ?? []);
  const words = required.map((one) => one.join(' or ')).filter((one) => one !== '');
  return [...new Set(words), ...(perTests.length > 0 ? ['by test'] : [])].join(', ') || 'a score';
}
