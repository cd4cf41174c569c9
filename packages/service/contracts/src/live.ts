import { z } from 'zod';
import { REQUEST_BOUNDS } from './request-bounds.js';
import { runResultFields } from './run-result.js';

/** Bounds of a run's stream (`/v1/runs/ID/stream`), bytes. */
export const LIVE_BOUNDS = {
  /** Maximum input or output in one message. */
  chunk: 64 * 1024,
  /** Allowance for a piece as text beyond 1.4 times its bytes, so that short lines stay readable. */
  allowance: 256,
  /**
   * One message of a client as text: a chunk of characters that JSON writes as `\u0001`, and something around
   * it.
   */
  clientMessage: 512 * 1024,
  /**
   * One message of the service as text: the longest is a result with the reasons of a hundred missing files.
   */
  serverMessage: 4 * 1024 * 1024,
  /** Maximum input ahead of the program. */
  window: 1024 * 1024,
  /** Maximum total input of a run, as for input in a request. */
  input: REQUEST_BOUNDS.stdinBytes,
} as const;

const count = z.number().int().nonnegative();
const bytes = {
  data: z.string().optional(),
  dataBase64: z.base64().optional(),
} as const;
const oneOfBoth = (message: { data?: string | undefined; dataBase64?: string | undefined }): boolean =>
  (message.data === undefined) !== (message.dataBase64 === undefined);

/** Read position in the output: the id of the attempt, bytes of stdout, bytes of stderr. */
export interface LiveCursor {
  /** Claim time by Redis's clock, milliseconds; the attempt number may repeat after a failover. */
  readonly epoch: number;
  readonly stdout: number;
  readonly stderr: number;
}

export const liveCursorSchema = z
  .string()
  .regex(/^\d{1,15}\.\d{1,12}\.\d{1,12}$/, 'is not a cursor of this stream')
  .describe('Where to resume after a break: the cursor of the last message that was read');

export const formatCursor = ({ epoch, stdout, stderr }: LiveCursor): string => `${epoch}.${stdout}.${stderr}`;

/** @param text in the form of {@link liveCursorSchema} */
export function parseCursor(text: string): LiveCursor {
  const [epoch = 0, stdout = 0, stderr = 0] = text.split('.').map(Number);
  return { epoch, stdout, stderr };
}

const liveInputSchema = z.strictObject({
  received: count.describe('Bytes that the service has; a client that was cut off resumes here'),
  upTo: count.describe('Total bytes that may be sent so far; it grows as the program reads'),
  wanted: z.boolean().describe('The program has asked for input'),
  ended: z.boolean().describe('No more input is accepted'),
});

export type LiveInput = z.infer<typeof liveInputSchema>;

/** Messages of the service. */
export const liveServerMessageSchema = z
  .discriminatedUnion('type', [
    z
      .strictObject({
        type: z.literal('state'),
        state: z.enum(['queued', 'running', 'done']),
        attempt: count.describe('Number of starts so far'),
        input: liveInputSchema.nullable().describe('null for a run with its input in the request'),
      })
      .describe('Sent first, and after each change'),
    z
      .strictObject({
        type: z.literal('output'),
        stream: z.enum(['stdout', 'stderr']),
        ...bytes,
        cursor: liveCursorSchema,
      })
      .describe(
        'Output of the program; dataBase64 when the piece is not valid UTF-8, or is shorter that way',
      ),
    z
      .strictObject({ type: z.literal('restart'), attempt: count, cursor: liveCursorSchema })
      .describe(
        'The worker was lost: the run restarts with its input from the beginning. Earlier output is void',
      ),
    z
      .strictObject({
        type: z.literal('result'),
        result: runResultFields.omit({
          stdout: true,
          stdoutBase64: true,
          stderr: true,
          stderrBase64: true,
          combined: true,
          combinedBase64: true,
          outputs: true,
        }),
        cursor: liveCursorSchema,
      })
      .describe('The end, after all output; the rest of the result is at /v1/runs/ID'),
    z
      .strictObject({ type: z.literal('error'), code: z.string(), message: z.string() })
      .describe('Why the connection is closed'),
  ])
  .meta({ id: 'LiveServerMessage' });

export type LiveServerMessage = z.infer<typeof liveServerMessageSchema>;
export type LiveResult = Extract<LiveServerMessage, { type: 'result' }>['result'];

const at = count
  .optional()
  .describe('Offset in the input, bytes: the service ignores bytes that it already has');

/** Messages of a client. */
export const liveClientMessageSchema = z
  .discriminatedUnion('type', [
    z
      .strictObject({ type: z.literal('input'), ...bytes, at })
      .refine(oneOfBoth, { message: 'give exactly one of data and dataBase64', path: ['data'] })
      .describe(`Standard input, at most ${LIVE_BOUNDS.chunk} bytes of it`),
    z.strictObject({ type: z.literal('end'), at }).describe('The end of the input'),
    z
      .strictObject({ type: z.literal('interrupt') })
      .describe('Ctrl-C: KeyboardInterrupt in the running program'),
    z.strictObject({ type: z.literal('cancel') }).describe('Cancels the run, like DELETE'),
  ])
  .meta({ id: 'LiveClientMessage' });

export type LiveClientMessage = z.infer<typeof liveClientMessageSchema>;
