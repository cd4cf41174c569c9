import { bytesOf } from '@sandpiper/contracts';
import type { JudgedTest } from '../../pipeline/pipeline.js';
import type { Submission } from '../../submissions/submission.js';
import { isSeenTest } from '../for-students.js';
import { excerptOf, type OutputExcerpt } from './excerpt.js';

/** Failed tests of one submission that have an excerpt; the first say most. */
const MAX_PER_SUBMISSION = 3;
/** Characters of all excerpts: a page must open at once. */
const MAX_TOTAL = 24 * 1024 * 1024;

/** Keeps of the outputs of failed tests what a page shows. */
export class ExcerptKeeper {
  private readonly kept = new Map<Submission, Map<string, OutputExcerpt>>();
  private total = 0;

  /** @param showsSecret whether secret tests have excerpts too */
  constructor(private readonly showsSecret: boolean) {}

  async keep({ submission, test, outcome, result }: JudgedTest): Promise<void> {
    if (outcome.verdict === 'AC' || this.total >= MAX_TOTAL) return;
    if (!this.showsSecret && !isSeenTest(test.name, outcome.visibility)) return;
    const own = this.kept.get(submission) ?? new Map<string, OutputExcerpt>();
    if (own.size >= MAX_PER_SUBMISSION) return;
    const stderr = bytesOf(result, 'stderr');
    // Of programs that talk with a validator the conversation is shown, which is in the outcome.
    const excerpt =
      outcome.conversation === undefined
        ? excerptOf(bytesOf(result, 'stdout'), await test.answer.read(), stderr)
        : excerptOf(Buffer.alloc(0), Buffer.alloc(0), stderr);
    own.set(test.name, excerpt);
    this.kept.set(submission, own);
    this.total += sizeOf(excerpt);
  }

  of(submission: Submission, test: string): OutputExcerpt | null {
    return this.kept.get(submission)?.get(test) ?? null;
  }
}

const sizeOf = ({ pieces, stderr }: OutputExcerpt): number =>
  pieces.reduce((sum, [, text]) => sum + text.length, stderr.length);
