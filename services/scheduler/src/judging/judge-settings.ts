import type { Engine } from '@sandpiper/contracts';
import type { LogLevel } from '@sandpiper/telemetry';
import type { LimitCeilings } from '../bodies/prepared.js';
import type { RetentionOptions } from '../bounds.js';
import type { JudgeOfProcess, JudgingOptions } from './judging-options.js';

/** What the thread of the judge is started with; plain data. */
export interface JudgeSettings extends JudgeOfProcess, Omit<JudgingOptions, 'judge'> {
  readonly maxQueue: number;
  readonly retention: RetentionOptions;
  readonly ceilings: LimitCeilings;
  readonly engines: readonly Engine[];
  readonly logLevel: LogLevel;
}
