/** What a check says of an output: the part of the points that it earns, 0 to 1, and why it is not right. */
export interface CheckResult {
  readonly share: number;
  /** One line; null when the output is right. */
  readonly reason: string | null;
}

export const verdictOn = (isRight: boolean, reason: string): CheckResult =>
  isRight ? { share: 1, reason: null } : { share: 0, reason };
