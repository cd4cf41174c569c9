import { z } from 'zod';
import { runResultSchema } from './run-result.js';

/** A run that was given up because it crashed or lost its worker too often. */
export const deadLetterSchema = z
  .strictObject({
    id: z.string(),
    tenant: z.string(),
    diedAt: z.iso.datetime(),
    result: runResultSchema.nullable(),
    requeuedAs: z.string().nullable().describe('Id of the new run with the same request'),
  })
  .meta({ id: 'DeadLetter' });

export type DeadLetter = z.infer<typeof deadLetterSchema>;

/** An entry of the list, without request and result. */
export const deadLetterSummarySchema = deadLetterSchema
  .omit({ result: true })
  .extend({ message: z.string().describe('Why it was given up') })
  .meta({ id: 'DeadLetterSummary' });

export type DeadLetterSummary = z.infer<typeof deadLetterSummarySchema>;

export const deadLettersSchema = z
  .strictObject({
    deadLetters: z.array(deadLetterSummarySchema),
    next: z.string().optional().describe('There are more: pass this value as ?after='),
  })
  .meta({ id: 'DeadLetters' });

export type DeadLetters = z.infer<typeof deadLettersSchema>;
