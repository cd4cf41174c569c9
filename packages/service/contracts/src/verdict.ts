import { z } from 'zod';
import { MAX_MESSAGE_LENGTH } from './one-line.js';

/**
 * The grader's verdict on a run. CE: it does not compile, or nothing of what was handed in can be run. JE: the judge
 * failed, not the program.
 */
export const VERDICTS = ['AC', 'WA', 'TLE', 'MLE', 'RTE', 'OLE', 'CE', 'JE'] as const;
export const verdictSchema = z.enum(VERDICTS).meta({ id: 'Verdict' });
export type Verdict = z.infer<typeof verdictSchema>;

/** Largest expected output, bytes. */
export const MAX_EXPECTED_BYTES = 64 * 1024 * 1024;

const tolerance = z.number().nonnegative().optional();

/** How an output is compared: the flags of the default output validator of the problem package format. */
export const checkerSchema = z
  .strictObject({
    caseSensitive: z.boolean().optional().describe('Upper and lower case of ASCII letters differ'),
    spaceChangeSensitive: z.boolean().optional().describe('White space must be the same too'),
    absoluteTolerance: tolerance.describe('Numbers that differ by no more are the same'),
    relativeTolerance: tolerance.describe('The same, as a part of the expected number'),
  })
  .meta({ id: 'Checker' });

export type OutputChecker = z.infer<typeof checkerSchema>;

/** Fields of a request for a run whose output is judged. */
export const expectedFields = {
  expected: z
    .string()
    .max(MAX_EXPECTED_BYTES)
    .optional()
    .describe('What stdout should be: the result then has a verdict. Words are compared, see checker'),
  expectedBase64: z
    .base64()
    .max(Math.ceil((MAX_EXPECTED_BYTES * 4) / 3) + 4)
    .optional(),
  checker: checkerSchema.optional().describe('How stdout is compared with what is expected'),
} as const;

interface Expecting {
  readonly expected?: string | undefined;
  readonly expectedBase64?: string | undefined;
  readonly checker?: OutputChecker | undefined;
  readonly combined?: boolean | undefined;
  readonly interactor?: object | undefined;
}

/** Whether the result of a run is to have a verdict. */
export const expectsOutput = ({ expected, expectedBase64 }: Expecting): boolean =>
  expected !== undefined || expectedBase64 !== undefined;

/** What is wrong with the fields of {@link expectedFields} in a request; null where nothing is. */
export function expectedFault(
  request: Expecting,
): { readonly path: [keyof Expecting]; readonly message: string } | null {
  if (request.expected !== undefined && request.expectedBase64 !== undefined) {
    return { path: ['expected'], message: 'give at most one of expected and expectedBase64' };
  }
  if (request.checker !== undefined && !expectsOutput(request)) {
    return { path: ['checker'], message: 'there is nothing to compare with; give expected too' };
  }
  if (request.combined === true && expectsOutput(request)) {
    return { path: ['combined'], message: 'the verdict is on stdout alone; leave out combined' };
  }
  if (request.interactor !== undefined && expectsOutput(request)) {
    return { path: ['interactor'], message: 'stdout goes to the interactor; leave out expected' };
  }
  return null;
}

/** Fields of a result with a verdict. */
export const verdictFields = {
  verdict: verdictSchema
    .optional()
    .describe('With `expected` in the request, unless the run was cancelled before a node took it'),
  verdictReason: z
    .string()
    .optional()
    .describe(`Why the verdict is not AC, in one line of at most ${MAX_MESSAGE_LENGTH} characters`),
} as const;

/** The fields of {@link verdictFields} as they are together. */
export interface RunVerdict {
  readonly verdict: Verdict;
  readonly verdictReason?: string;
}
