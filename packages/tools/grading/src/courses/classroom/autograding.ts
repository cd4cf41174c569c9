import { z } from 'zod';
import { InputError } from '../../files/errors.js';
import { parseJson } from '../../files/json.js';
import { COMPARISONS } from '../checks/classroom-check.js';

/** One test of GitHub Classroom. */
export interface ClassroomTest {
  readonly name: string;
  readonly setup: string;
  readonly run: string;
  readonly input: string;
  readonly output: string;
  readonly comparison: (typeof COMPARISONS)[number];
  /** Minutes, as Classroom counts. */
  readonly timeout: number;
  /** null: the test has none. */
  readonly points: number | null;
}

const MAX_TESTS = 2_000;
const DEFAULT_MINUTES = 1;

const text = z.string({ error: 'must be a text' });

const testSchema = z.strictObject({
  name: text.min(1).max(256),
  setup: text.nullish(),
  run: text,
  input: text.nullish(),
  output: text.nullish(),
  comparison: z.enum(COMPARISONS, `must be one of ${COMPARISONS.join(', ')}`).nullish(),
  timeout: z.number({ error: 'must be a number of minutes' }).min(0).max(60).nullish(),
  points: z.number({ error: 'must be a number' }).min(0).max(1_000_000).nullish(),
});

const autogradingSchema = z.object({
  tests: z.array(testSchema, 'must be a list of tests').min(1, 'has no test').max(MAX_TESTS),
});

/**
 * Parses `.github/classroom/autograding.json`.
 * @param where names the file in errors
 * @throws InputError one line with the path of the wrong field
 */
export function parseAutograding(json: string, where: string): ClassroomTest[] {
  const parsed = autogradingSchema.safeParse(parseJson(json, where));
  if (!parsed.success) throw new InputError(`${where}: ${describe(parsed.error)}`);
  return parsed.data.tests.map((test) => ({
    name: test.name,
    setup: test.setup ?? '',
    run: test.run,
    input: test.input ?? '',
    output: test.output ?? '',
    comparison: test.comparison ?? 'included',
    // 0 means the default there.
    timeout: (test.timeout ?? 0) || DEFAULT_MINUTES,
    points: test.points ?? null,
  }));
}

function describe(error: z.ZodError): string {
  const issue = error.issues[0];
  if (issue?.code === 'unrecognized_keys')
    return `${[...issue.path, issue.keys[0]].join('.')}: unknown field`;
  const path = issue?.path.join('.') ?? '';
  return path === '' ? 'must be an object with tests' : `${path}: ${issue?.message ?? 'is wrong'}`;
}
