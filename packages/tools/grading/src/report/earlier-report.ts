import { RUN_STATUSES, utteranceSchema } from '@sandpiper/contracts';
import { z } from 'zod';
import { readBounded } from '../files/bounded.js';
import { InputError } from '../files/errors.js';
import { parseJson } from '../files/json.js';
import { type TestOutcome, VERDICTS } from '../judge/verdict.js';
import type { ProblemLimits } from '../package/limits.js';
import type { EarlierResults } from '../pipeline/pipeline.js';

/** A class of 500 with 100 tests for each of ten problems has about 150 MiB. */
const MAX_REPORT_BYTES = 512 * 1024 * 1024;

const count = z.number().min(0);
const testSchema = z.object({
  test: z.string(),
  verdict: z.enum(VERDICTS),
  status: z.enum(RUN_STATUSES),
  reason: z.string().nullable(),
  exitCode: z.number().nullable(),
  signal: z.string().nullable(),
  cpuMs: count,
  wallMs: count,
  peakMemoryBytes: count,
  score: z.number().optional(),
  scoreMultiplier: z.number().optional(),
  judgeMessage: z.string().optional(),
  teamMessage: z.string().optional(),
  unreliable: z.string().optional(),
  conversation: z.array(utteranceSchema).optional(),
});

const reportSchema = z.object({
  version: z.literal(1),
  problems: z.array(
    z.object({
      contentHash: z.string().nullable(),
      limits: z.object({ cpuMs: count, wallMs: count, memoryBytes: count, outputBytes: count }),
      timeLimitNote: z.string().nullable(),
      submissions: z.array(z.object({ key: z.string().nullable(), tests: z.array(testSchema) })),
    }),
  ),
});

/**
 * Reads a report that `--json` wrote, to go on from there.
 * @throws InputError when it is none
 */
export async function readEarlierReport(file: string): Promise<EarlierResults> {
  const text = (await readBounded(file, MAX_REPORT_BYTES)).toString('utf8');
  const parsed = reportSchema.safeParse(parseJson(text, file));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const where = issue === undefined ? '' : `: ${issue.path.join('.')}: ${issue.message}`;
    throw new InputError(`${file}: is not a report of sandpiper grade --json${where}`);
  }
  const limits = new Map<string, { limits: ProblemLimits; note: string | null }>();
  const outcomes = new Map<string, ReadonlyMap<string, TestOutcome>>();
  for (const problem of parsed.data.problems) {
    // A limit that was not measured has no note, or says that nothing could be measured.
    if (problem.contentHash !== null && problem.timeLimitNote !== null)
      limits.set(problem.contentHash, { limits: problem.limits, note: problem.timeLimitNote });
    for (const { key, tests } of problem.submissions) {
      // Equal programs of two students share one key, and one of them may have been stopped earlier.
      if (key === null || tests.length < (outcomes.get(key)?.size ?? 0)) continue;
      outcomes.set(key, new Map(tests.map((test) => [test.test, test as TestOutcome])));
    }
  }
  return {
    timeLimitOf: (contentHash) => limits.get(contentHash) ?? null,
    outcomesOf: (key) => outcomes.get(key) ?? new Map<string, TestOutcome>(),
  };
}
