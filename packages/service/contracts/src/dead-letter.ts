import { z } from 'zod';
import { runResultSchema } from './run-result.js';

/** A run that was given up because it killed, or lost, what ran it too often. */
export const deadLetterSchema = z
  .strictObject({
    id: z.string(),
    tenant: z.string(),
    diedAt: z.iso.datetime(),
    result: runResultSchema.nullable(),
    requeuedAs: z.string().nullable().describe('The run that was made of it anew'),
  })
  .meta({ id: 'DeadLetter' });

export type DeadLetter = z.infer<typeof deadLetterSchema>;

/** One of the list: request and result stay where they are. */
export const deadLetterSummarySchema = deadLetterSchema
  .omit({ result: true })
  .extend({ message: z.string().describe('Why it was given up') })
  .meta({ id: 'DeadLetterSummary' });

export type DeadLetterSummary = z.infer<typeof deadLetterSummarySchema>;

export const deadLettersSchema = z
  .strictObject({
    deadLetters: z.array(deadLetterSummarySchema),
    next: z.string().optional().describe('There are more: ask again with ?after= and this'),
  })
  .meta({ id: 'DeadLetters' });

export type DeadLetters = z.infer<typeof deadLettersSchema>;
