import type { RunResult } from '@sandpiper/contracts';
import type { Content } from '../../files/content.js';
import { type OutputJudgement, outputOf } from '../../judge/verdict.js';
import type { BoundedThread } from './bounded-thread.js';
import type { CheckResult } from './check-result.js';
import { type OutputCheck, checkOutput } from './tasks.js';

/** Below this, a check that is no pattern takes less time than the way to another thread and back. */
const LARGE_BYTES = 256 * 1024;

/** Judges outputs by one check of a problem. */
export class Checker {
  constructor(
    private readonly thread: BoundedThread,
    private readonly check: OutputCheck,
    private readonly answer: Content,
    private readonly points: number,
  ) {}

  async judge(result: RunResult): Promise<OutputJudgement> {
    const output = outputOf(result);
    if (output === null) return { verdict: 'WA', reason: 'the output is longer than the server stores' };
    try {
      const { share, reason } = await this.compared(output);
      const score = share * this.points;
      return reason === null ? { verdict: 'AC', reason, score } : { verdict: 'WA', reason, score };
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return { verdict: 'JE', reason: `the comparison with this output failed: ${why}` };
    }
  }

  /** Points of what a run printed before it failed. */
  async pointsOfFailed(result: RunResult): Promise<number> {
    const output = outputOf(result);
    return output === null ? 0 : (await this.compared(output)).share * this.points;
  }

  private async compared(output: Buffer): Promise<CheckResult> {
    const answer = await this.answer.read();
    const isPattern = this.check.format === 'classroom' && this.check.comparison === 'regex';
    if (!isPattern && output.length + answer.length < LARGE_BYTES) {
      return checkOutput(this.check, output, answer);
    }
    const done = await this.thread.do({ kind: 'check', check: this.check, output, answer });
    if (done.kind !== 'check') throw new Error('the thread of checks answered another task');
    return done.result;
  }
}
