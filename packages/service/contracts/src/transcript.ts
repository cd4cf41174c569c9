import { z } from 'zod';
import { limitsSchema } from './limits.js';

/** Version of the transcript format. */
export const TRANSCRIPT_VERSION = 1;

/** The first line of a transcript: a deterministic run that can be repeated. Bytes are base64. */
export const transcriptHeaderSchema = z.strictObject({
  transcript: z.literal(
    TRANSCRIPT_VERSION,
    `must be ${TRANSCRIPT_VERSION}: the transcript has another version`,
  ),
  /** The versions that made it: others may behave differently. */
  madeBy: z.strictObject({ sandpiper: z.string(), interpreter: z.string() }),
  run: z.strictObject({
    interpreter: z.discriminatedUnion('engine', [
      // A runtime by its name, or the path of its interpreter: whose files they are, the host of the replay says.
      z.strictObject({ engine: z.literal('seccomp'), runtime: z.string().optional() }),
      z.strictObject({ engine: z.literal('rpython'), executable: z.string(), library: z.string() }),
    ]),
    programPath: z.string(),
    args: z.array(z.string()),
    env: z.record(z.string(), z.string()),
    folder: z.string().startsWith('/'),
    files: z.array(z.strictObject({ path: z.string().startsWith('/'), data: z.base64() })),
    stdin: z.base64(),
    seed: z.string(),
    epochMs: z.number().int().min(0),
    // Without a stack in transcripts of earlier versions.
    limits: limitsSchema.partial({ stackBytes: true }),
  }),
});

export type TranscriptHeader = z.infer<typeof transcriptHeaderSchema>;

/** The last line. */
export const transcriptEndSchema = z.object({ end: z.object({ calls: z.number(), digest: z.string() }) });
