import { bytesOf, oneLine, type RunResult } from '@sandpiper/contracts';
import { z } from 'zod';
import type { OutputJudgement } from '../../judge/verdict.js';
import type { Marks } from './marks.js';

const MAX_REPORT_BYTES = 16 * 1024;
const MAX_REASON = 300;

const reportSchema = z.strictObject({
  outcome: z.enum(['passed', 'failed', 'error', 'skipped', 'broken']),
  reason: z.string().optional(),
  score: z.number().nullable().optional(),
});
type Report = z.infer<typeof reportSchema>;

/**
 * Judges one test by what its driver reported. The student's code ran in the same process, so whatever else the output
 * holds counts as no report.
 * @param place of the test, for a fault of the teacher's
 */
export function judgeReport(result: RunResult, token: string, marks: Marks, place: string): OutputJudgement {
  const report = reportIn(result, token);
  if (report === null) return { verdict: 'RTE', reason: 'the program ended before the test did', score: 0 };
  const reason = oneLine(report.reason ?? report.outcome, MAX_REASON);
  const { points } = marks;
  const score = report.score ?? (report.outcome === 'passed' ? points : 0);
  if (report.outcome === 'broken') return { verdict: 'JE', reason: `${place}: ${reason}` };
  if (score < 0 || score > points)
    return { verdict: 'JE', reason: `${place}: sets a score of ${score}, of ${points} points` };
  if (report.outcome === 'passed') return passed(score, points);
  const verdict = report.outcome === 'error' ? 'RTE' : 'WA';
  const shown = report.outcome === 'skipped' ? `skipped: ${reason}` : reason;
  return { verdict, reason: marks.hiddenBy ?? shown, score };
}

function passed(score: number, points: number): OutputJudgement {
  if (score === points) return { verdict: 'AC', reason: null, score };
  return { verdict: 'WA', reason: `${score} of ${points} points`, score };
}

/** null when there is anything but one report with the token. */
function reportIn(result: RunResult, token: string): Report | null {
  const output = bytesOf(result, 'stdout');
  if (result.stdoutTruncated || output.length > MAX_REPORT_BYTES) return null;
  const text = output.toString('utf8');
  if (!text.startsWith(`${token} `) || !text.endsWith('\n')) return null;
  try {
    const parsed = reportSchema.safeParse(JSON.parse(text.slice(token.length)));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}
