import { z } from 'zod';
import { problemIdSchema, problemVersionSchema } from './problem.js';
import { REQUEST_BOUNDS } from './request-bounds.js';
import { fileNameSchema, runFileSchema } from './run-files.js';
import { runStatusSchema, utteranceSchema } from './run-result.js';
import { verdictSchema } from './verdict.js';

const count = z.number().int().nonnegative();

const isPlain = (path: string): boolean => fileNameSchema.safeParse(path).success;

/** The body of `POST /v1/submissions`. */
export const submissionRequestSchema = z
  .strictObject({
    problem: problemIdSchema.describe('Id of a problem'),
    version: problemVersionSchema.optional().describe('Which version of it; by default the latest'),
    source: z.string().max(REQUEST_BOUNDS.sourceBytes).optional().describe('A program of one file, as text'),
    files: z
      .array(runFileSchema)
      .min(1)
      .max(REQUEST_BOUNDS.files)
      .refine((files) => files.every(({ name }) => isPlain(name)), 'names of files are relative here')
      .refine(
        (files) => new Set(files.map(({ name }) => name)).size === files.length,
        'a name is given twice',
      )
      .optional(),
    entry: fileNameSchema
      .optional()
      .describe(
        'The file that starts; by default __main__.py, main.py, or the only one that no other imports',
      ),
    runsAll: z
      .boolean()
      .optional()
      .describe('true: all tests run, also after a failure that decides the verdict'),
    label: z.string().min(1).max(256).optional().describe('For people, such as who handed it in'),
    idempotencyKey: z.string().min(1).max(256).optional(),
  })
  .refine((r) => (r.source === undefined) !== (r.files === undefined), {
    message: 'give either source or files',
    path: ['source'],
  })
  .meta({ id: 'SubmissionRequest' });

export type SubmissionRequest = z.infer<typeof submissionRequestSchema>;

/** What is stored of a program that was handed in. */
export type SubmittedFiles = Pick<SubmissionRequest, 'source' | 'files' | 'entry'>;

/** Who may see the result of a test, as Gradescope names it. */
export const TEST_VISIBILITIES = ['visible', 'hidden', 'after_due_date', 'after_published'] as const;
export const testVisibilitySchema = z.enum(TEST_VISIBILITIES);
export type TestVisibility = z.infer<typeof testVisibilitySchema>;

export const testVerdictSchema = z
  .strictObject({
    test: z.string().describe('e.g. sample/1, secret/group/03'),
    verdict: verdictSchema,
    status: runStatusSchema,
    reason: z.string().nullable().describe('In one line; null for AC. It may quote the answer of the test'),
    exitCode: z.number().int().nullable(),
    signal: z.string().nullable(),
    cpuMs: z.number().nonnegative(),
    wallMs: z.number().nonnegative(),
    peakMemoryBytes: count,
    score: z.number().optional(),
    scoreMultiplier: z.number().optional(),
    maxScore: z.number().optional().describe('Points of the test, in a course'),
    visibility: testVisibilitySchema.optional().describe('Who may see it, in a course'),
    number: z.string().optional().describe('For people, such as 1.2; in a course'),
    judgeMessage: z.string().optional().describe('judgemessage.txt of the output validator'),
    teamMessage: z
      .string()
      .optional()
      .describe('teammessage.txt: may be shown to the author of the submission'),
    conversation: z
      .array(utteranceSchema)
      .optional()
      .describe('What an interactive program and its validator said, where the test failed'),
    unreliable: z.string().optional().describe('It met its wall limit because it waited for a CPU'),
  })
  .meta({ id: 'TestVerdict' });

export type TestVerdict = z.infer<typeof testVerdictSchema>;

export const groupVerdictSchema = z
  .strictObject({
    group: z.string().describe('e.g. data/secret/group'),
    verdict: verdictSchema.nullable().describe('null: no test of it has run'),
    score: z.number().nullable(),
    maxScore: z.number().nullable(),
  })
  .meta({ id: 'GroupVerdict' });

/** What judging says of a submission. */
export const submissionResultSchema = z
  .strictObject({
    verdict: verdictSchema,
    reason: z.string().nullable().describe('Why it is not AC, in one line'),
    score: z.number().nullable().describe('null for problems without points'),
    maxScore: z.number().nullable(),
    passed: count,
    total: count.describe('Tests of the problem'),
    slowestCpuMs: z.number().nonnegative(),
    peakMemoryBytes: count,
    cpuMs: count.describe('The time limit by which it was judged'),
    timeLimitNote: z.string().nullable().describe('Where the time limit comes from, if not from the package'),
    groups: z.array(groupVerdictSchema),
    tests: z
      .array(testVerdictSchema)
      .describe('Those that ran, in order: judging stops at the first failure that decides'),
    shortened: z
      .boolean()
      .describe('true: messages of validators and reasons were cut, because the result was too long'),
  })
  .meta({ id: 'SubmissionResult' });

export type SubmissionResult = z.infer<typeof submissionResultSchema>;

export const SUBMISSION_STATES = ['queued', 'judging', 'done', 'cancelled'] as const;
export const submissionPhaseSchema = z.enum(SUBMISSION_STATES).meta({ id: 'SubmissionPhase' });
export type SubmissionPhase = z.infer<typeof submissionPhaseSchema>;

/** A submission without its tests. */
export const submissionSummarySchema = z
  .strictObject({
    id: z.string(),
    problem: problemIdSchema,
    version: problemVersionSchema,
    label: z.string().nullable(),
    state: submissionPhaseSchema,
    cursor: count.describe('Counts the changes: ask with cursor=CURSOR and a wait for the next one'),
    progress: z
      .strictObject({ done: count, total: count })
      .nullable()
      .describe('Tests that have run or that a verdict makes needless, while it is judged'),
    verdict: verdictSchema
      .nullable()
      .describe('null until it is judged; while it is judged again the earlier one'),
    score: z.number().nullable(),
    submittedAt: z.iso.datetime(),
    judgedAt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'SubmissionSummary' });

export type SubmissionSummary = z.infer<typeof submissionSummarySchema>;

/** The answer to `GET /v1/submissions/ID`. */
export const submissionStateSchema = submissionSummarySchema
  .extend({
    result: submissionResultSchema.nullable(),
    history: z
      .array(
        z.strictObject({
          verdict: verdictSchema,
          score: z.number().nullable(),
          version: problemVersionSchema,
          judgedAt: z.iso.datetime(),
        }),
      )
      .describe('Earlier verdicts, the oldest first'),
  })
  .meta({ id: 'SubmissionState' });

export type SubmissionState = z.infer<typeof submissionStateSchema>;

export const submissionsSchema = z
  .strictObject({
    submissions: z.array(submissionSummarySchema),
    next: z.string().optional().describe('Ask with after=NEXT for earlier ones'),
  })
  .meta({ id: 'Submissions' });

export type Submissions = z.infer<typeof submissionsSchema>;

/** The answer to `POST /v1/problems/ID/rejudge`. */
export const rejudgedSchema = z
  .strictObject({
    queued: count.describe('Submissions that are judged again'),
    waiting: count.describe('Submissions that have not been judged yet, and are left alone'),
  })
  .meta({ id: 'Rejudged' });

export type Rejudged = z.infer<typeof rejudgedSchema>;
