/** What is submitted to a problem where that is no program that starts by itself. */
export type HandIn = HandedModules | HandedAnswers;

/** Files that a course asks for. */
export interface HandedModules {
  readonly kind: 'modules';
  /** Below the folder of a student. A file that is submitted alone gets the name where there is just one. */
  readonly files: readonly string[];
}

/** The answers of a submit-answer problem. */
export interface HandedAnswers {
  readonly kind: 'answers';
  /** Names of the tests that they are for. */
  readonly tests: readonly string[];
}
