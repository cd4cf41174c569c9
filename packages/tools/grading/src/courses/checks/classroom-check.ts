import { oneLine } from '@sandpiper/contracts';
import { type CheckResult, verdictOn } from './check-result.js';

export const COMPARISONS = ['included', 'exact', 'regex'] as const;

/** A comparison of GitHub Classroom. */
export interface ClassroomCheck {
  readonly format: 'classroom';
  readonly comparison: (typeof COMPARISONS)[number];
  readonly expected: string;
}

const MAX_QUOTED = 60;

/** Compares as Classroom does: without white space at both ends, and with line ends of one kind. */
export function compareClassroom({ comparison, expected }: ClassroomCheck, output: Uint8Array): CheckResult {
  const actual = normalized(Buffer.from(output.buffer, output.byteOffset, output.length).toString('utf8'));
  const wanted = normalized(expected);
  switch (comparison) {
    case 'exact':
      return verdictOn(actual === wanted, `expected ${quoted(wanted)}, got ${quoted(actual)}`);
    case 'included':
      return verdictOn(actual.includes(wanted), `${quoted(wanted)} is not in the output, ${quoted(actual)}`);
    case 'regex':
      return verdictOn(
        new RegExp(expected).test(actual),
        `the output, ${quoted(actual)}, does not match the pattern ${quoted(expected)}`,
      );
  }
}

const normalized = (text: string): string => text.replaceAll('\r\n', '\n').trim();

const quoted = (text: string): string => oneLine(JSON.stringify(text.slice(0, 4 * MAX_QUOTED)), MAX_QUOTED);
