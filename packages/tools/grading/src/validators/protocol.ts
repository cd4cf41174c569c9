import { bytesOf, oneLine, type RunResult, textOf } from '@sandpiper/contracts';
import type { OutputJudgement } from '../judge/verdict.js';

/** Where the validator finds its files, and the folder in which it answers. */
export const VALIDATOR_PATHS = {
  input: '/judge/test.in',
  answer: '/judge/test.ans',
  feedback: '/judge/feedback/',
} as const;

/** Exit codes of the format. Any other, 0 too, means that the validator failed. */
const ACCEPTED = 42;
const REJECTED = 43;

/** The files of the feedback folder that have a meaning. */
export const FEEDBACK_FILES = [
  'judgemessage.txt',
  'teammessage.txt',
  'judgeerror.txt',
  'score.txt',
  'score_multiplier.txt',
  'nextpass.in',
] as const;
type FeedbackName = (typeof FEEDBACK_FILES)[number];

/** Of a message that is kept. */
const MAX_MESSAGE = 64 * 1024;
const MAX_REASON = 300;
/** A sum of larger points would not be exact. */
const MAX_SCORE = 1e12;

/**
 * Whether points come from the validator: never; always, by `score` of the earlier format; where it gives them; or only
 * with an accepted output, as 2025-09 has it.
 */
export type ValidatorScoring = 'never' | 'always' | 'optional' | 'accepted';

export interface ValidatorOptions {
  readonly scoring: ValidatorScoring;
  readonly isMultiPass: boolean;
  /** What is given beyond the files of the package, e.g. `output_validators/check.py`. */
  readonly name: string;
}

export interface ValidatorJudgement extends OutputJudgement {
  /** judgemessage.txt. */
  readonly judgeMessage: string | null;
  /** teammessage.txt: may be shown to the author of the submission. */
  readonly teamMessage: string | null;
  /** The input of the next pass of a multi-pass problem; null when there is none. */
  readonly nextPass: Buffer | null;
}

/** What a validator says by its exit code and its feedback folder. Whatever else it does is a failure of the judge. */
export function judgementOf(result: RunResult, options: ValidatorOptions): ValidatorJudgement {
  const feedback = new Feedback(result);
  const fault = faultOf(result, feedback, options);
  const judgeMessage = feedback.text('judgemessage.txt');
  const base = { judgeMessage, teamMessage: feedback.text('teammessage.txt'), nextPass: null };
  if (fault !== null) return { ...base, verdict: 'JE', reason: `${options.name}: ${fault}` };
  if (result.exitCode === REJECTED) {
    return {
      ...base,
      verdict: 'WA',
      reason: shortened(judgeMessage) ?? 'the output validator rejects the output',
    };
  }
  return {
    ...base,
    verdict: 'AC',
    reason: null,
    nextPass: options.isMultiPass ? feedback.bytes('nextpass.in') : null,
    ...feedback.points(),
  };
}

/** One line; null when it did what the format asks. */
function faultOf(
  result: RunResult,
  feedback: Feedback,
  { scoring, isMultiPass }: ValidatorOptions,
): string | null {
  const ended = endFault(result, feedback);
  if (ended !== null) return ended;
  const isAccepted = result.exitCode === ACCEPTED;
  const scores = (['score.txt', 'score_multiplier.txt'] as const).filter((name) => feedback.has(name));
  const [score] = scores;
  if (isMultiPass && !isAccepted && feedback.has('nextpass.in'))
    return 'wrote nextpass.in and rejected the output';
  if (!isAccepted && (scoring === 'always' || scoring === 'optional')) return null;
  if (score !== undefined && !isAccepted) return `wrote ${score} and rejected the output`;
  if (scores.length > 1) return `wrote both ${scores.join(' and ')}`;
  if (score !== undefined && scoring === 'never')
    return `wrote ${score}, and the problem takes no points of it`;
  const hasNext = isMultiPass && feedback.has('nextpass.in');
  if (scoring === 'always' && isAccepted && !hasNext && score !== 'score.txt') return 'wrote no score.txt';
  return score === undefined ? null : numberFault(score, feedback.number(score), scoring);
}

function endFault(result: RunResult, feedback: Feedback): string | null {
  const isExit = result.status === 'runtime-error' && result.signal === null;
  if (isExit && (result.exitCode === ACCEPTED || result.exitCode === REJECTED)) return null;
  const said = shortened(feedback.text('judgeerror.txt')) ?? lastLine(result);
  const why = said === null ? '' : `: ${said}`;
  if (result.status === 'ok') return `exited with 0 instead of 42 or 43${why}`;
  if (isExit) return `exited with ${result.exitCode ?? 'no code'} instead of 42 or 43${why}`;
  return oneLine(`${result.status}: ${result.message ?? 'it did not end by itself'}`, MAX_REASON);
}

function numberFault(name: string, value: number | null, scoring: ValidatorScoring): string | null {
  if (value === null) return `wrote no number into ${name}`;
  if (name === 'score_multiplier.txt' && !(value >= 0 && value <= 1))
    return `wrote ${value} into ${name}, not 0 to 1`;
  if (Math.abs(value) > MAX_SCORE) return `wrote ${value} into ${name}, more than ${MAX_SCORE}`;
  return scoring === 'accepted' && value < 0 ? `wrote a negative number into ${name}` : null;
}

const shortened = (text: string | null): string | null => {
  const line = text?.split('\n').find((one) => one.trim() !== '');
  return line === undefined ? null : oneLine(line.trim(), MAX_REASON);
};

const lastLine = (result: RunResult): string | null =>
  shortened(textOf(result, 'stderr').trimEnd().split('\n').at(-1) ?? null);

class Feedback {
  private readonly files = new Map<string, Buffer>();

  constructor(result: RunResult) {
    for (const file of result.outputs ?? []) {
      if (file.name.startsWith(VALIDATOR_PATHS.feedback))
        this.files.set(file.name.slice(VALIDATOR_PATHS.feedback.length), bytesOf(file, 'content'));
    }
  }

  has(name: FeedbackName): boolean {
    return this.files.has(name);
  }

  bytes(name: FeedbackName): Buffer | null {
    return this.files.get(name) ?? null;
  }

  /** null when it is missing or empty. */
  text(name: FeedbackName): string | null {
    const text = this.files.get(name)?.subarray(0, MAX_MESSAGE).toString('utf8') ?? '';
    return text === '' ? null : text;
  }

  number(name: FeedbackName): number | null {
    const word = this.files.get(name)?.subarray(0, 1000).toString('latin1').trim() ?? '';
    if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(word)) return null;
    const value = Number(word);
    return Number.isFinite(value) ? value : null;
  }

  points(): { score?: number; scoreMultiplier?: number } {
    const score = this.number('score.txt');
    const multiplier = this.number('score_multiplier.txt');
    return {
      ...(score === null ? {} : { score }),
      ...(multiplier === null ? {} : { scoreMultiplier: multiplier }),
    };
  }
}
