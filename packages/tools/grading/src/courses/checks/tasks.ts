import type { CheckResult } from './check-result.js';
import { type ClassroomCheck, compareClassroom } from './classroom-check.js';
import { compareDmoj, type DmojCheck } from './dmoj-check.js';

export type OutputCheck = ClassroomCheck | DmojCheck;

/** Work that may take long. The answer to a check is in `check`, that to a pattern in `groups`. */
export type CheckTask =
  | {
      readonly kind: 'check';
      readonly check: OutputCheck;
      readonly output: Uint8Array;
      readonly answer: Uint8Array;
    }
  | { readonly kind: 'match'; readonly pattern: string; readonly names: readonly string[] };

/** The named groups of a match; null for a name that does not match. */
export type MatchedGroups = Readonly<Record<string, string | undefined>> | null;

export type TaskAnswer =
  | { readonly kind: 'check'; readonly result: CheckResult }
  | { readonly kind: 'match'; readonly groups: readonly MatchedGroups[] };

export interface TaskReply {
  readonly answer: TaskAnswer | null;
  readonly fault: string | null;
}

export function checkOutput(check: OutputCheck, output: Uint8Array, answer: Uint8Array): CheckResult {
  return check.format === 'dmoj' ? compareDmoj(check, output, answer) : compareClassroom(check, output);
}

export function doTask(task: CheckTask): TaskAnswer {
  if (task.kind === 'check') {
    return { kind: 'check', result: checkOutput(task.check, task.output, task.answer) };
  }
  const pattern = new RegExp(task.pattern, 'i');
  return { kind: 'match', groups: task.names.map((name) => groupsOf(pattern.exec(name))) };
}

const groupsOf = (found: RegExpExecArray | null): MatchedGroups =>
  found === null ? null : { ...found.groups };
