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

export const deadLettersSchema = z
  .strictObject({ deadLetters: z.array(deadLetterSchema) })
  .meta({ id: 'DeadLetters' });
