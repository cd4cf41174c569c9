import { z } from 'zod';
import { checkProgram, programFields } from './run-program.js';

/** Of the conversation that a result keeps, bytes. */
export const MAX_CONVERSATION_BYTES = 256 * 1024;

/**
 * A second program, joined to the program of the run by pipes: what either prints to its standard output, the other reads
 * from its standard input. Both run at the same time on one CPU, each in a sandbox and with limits of its own.
 */
export const interactorSchema = z
  .strictObject({
    ...programFields,
    conversationBytes: z
      .number()
      .int()
      .min(0)
      .max(MAX_CONVERSATION_BYTES)
      .optional()
      .describe('How much of what was said the result keeps; default 0'),
  })
  .superRefine(checkProgram)
  .meta({ id: 'Interactor' });

export type InteractorRequest = z.infer<typeof interactorSchema>;
