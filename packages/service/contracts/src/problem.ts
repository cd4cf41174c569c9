import { z } from 'zod';

const count = z.number().int().nonnegative();

/** Names of problems occur in Redis keys and paths. */
export const problemIdSchema = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
    'must be 1 to 64 letters, digits, ".", "_" and "-", and begin with a letter or digit',
  );

export const problemVersionSchema = z
  .string()
  .regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits')
  .describe('SHA-256 of the package');

/** What a package is, as the service has read it. */
export const problemFactsSchema = z.strictObject({
  name: z.string(),
  formatVersion: z.string().describe('e.g. legacy, 2025-09'),
  types: z.array(z.string()).describe('pass-fail or scoring, and what else it is: multi-pass, interactive'),
  tests: count,
  submissions: count.describe('Submissions of the package itself, in Python'),
  maxScore: z.number().nullable().describe('null for problems without points, and without a most'),
  limits: z.strictObject({
    cpuMs: count.nullable().describe('null: it follows from the accepted submissions of the package'),
    wallMs: count,
    memoryBytes: count,
    outputBytes: count,
  }),
  warnings: z.array(z.string()).describe('Departures from the format that change no verdict'),
  ignored: z.array(z.string()).describe('Files of the package that have no effect'),
});

export type ProblemFacts = z.infer<typeof problemFactsSchema>;

const versionFields = {
  version: problemVersionSchema,
  bytes: count.describe('Size of the package'),
  uploadedAt: z.iso.datetime(),
};

/** A problem by one of its versions. */
export const storedProblemSchema = problemFactsSchema
  .extend({ id: problemIdSchema, ...versionFields })
  .meta({ id: 'StoredProblem' });

export type StoredProblem = z.infer<typeof storedProblemSchema>;

export const storedProblemWithVersionsSchema = storedProblemSchema
  .extend({ versions: z.array(z.strictObject(versionFields)).describe('All of them, the latest first') })
  .meta({ id: 'StoredProblemWithVersions' });

export type StoredProblemWithVersions = z.infer<typeof storedProblemWithVersionsSchema>;

export const storedProblemsSchema = z
  .strictObject({
    problems: z.array(storedProblemSchema),
    next: problemIdSchema.optional().describe('Ask with after=NEXT for more'),
  })
  .meta({ id: 'StoredProblems' });

export type StoredProblems = z.infer<typeof storedProblemsSchema>;
