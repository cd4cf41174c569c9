import type { GradingReport, SubmissionReport } from '../report.js';

/** A row of the overview: what one student handed in, by problem. */
export interface StudentRow {
  readonly name: string;
  /** Places of submissions in their problem; null where nothing was handed in. */
  readonly cells: readonly (number | null)[];
}

/**
 * Students, by the names of what they handed in: alice.py of one problem and the folder alice of another are one student.
 * Two of one problem that would be the same have rows of their own.
 */
export function studentRows({ problems }: GradingReport): StudentRow[] {
  const rows = new Map<string, (number | null)[]>();
  for (const [n, { submissions }] of problems.entries()) {
    const names = namesOf(submissions);
    for (const [index, name] of names.entries()) {
      const cells = rows.get(name) ?? problems.map(() => null);
      cells[n] = index;
      rows.set(name, cells);
    }
  }
  return [...rows].map(([name, cells]) => ({ name, cells }));
}

function namesOf(submissions: readonly SubmissionReport[]): string[] {
  const short = submissions.map(({ label }) => label.replace(/\.(py|zip)$/, ''));
  const count = new Map<string, number>();
  for (const name of short) count.set(name, (count.get(name) ?? 0) + 1);
  return submissions.map(({ label }, n) => {
    const name = short[n] ?? label;
    return count.get(name) === 1 ? name : label;
  });
}
