import { z } from 'zod';
import { REQUEST_BOUNDS } from './run-request.js';
import { runResultFields } from './run-result.js';

/** Bounds of a run's stream (`/v1/runs/ID/stream`), bytes. */
export const LIVE_BOUNDS = {
  /** What one message carries of input or output. */
  chunk: 64 * 1024,
  /** What a piece may take as text beyond 1.4 times its bytes: some lines stay readable. */
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
  /** Input that may be ahead of what the program has taken. */
  window: 1024 * 1024,
  /** Input of a run altogether, as for one that brings it in its request. */
  input: REQUEST_BOUNDS.stdinBytes,
} as const;

const count = z.number().int().nonnegative();
const bytes = {
  data: z.string().optional(),
  dataBase64: z.base64().optional(),
} as const;
const oneOfBoth = (message: { data?: string | undefined; dataBase64?: string | undefined }): boolean =>
  (message.data === undefined) !== (message.dataBase64 === undefined);

/**
 * How far an attempt's output was read: what tells the attempt from others, bytes of stdout, bytes of stderr.
 */
export interface LiveCursor {
  /** When it was claimed, milliseconds by Redis's clock: its number may be given twice after a failover. */
  readonly epoch: number;
  readonly stdout: number;
  readonly stderr: number;
}

export const liveCursorSchema = z
  .string()
  .regex(/^\d{1,15}\.\d{1,12}\.\d{1,12}$/, 'is not a cursor of this stream')
  .describe('Where to go on after a break: the cursor of the last message that was read');

export const formatCursor = ({ epoch, stdout, stderr }: LiveCursor): string => `${epoch}.${stdout}.${stderr}`;

/** @param text as {@link liveCursorSchema} has it */
export function parseCursor(text: string): LiveCursor {
  const [epoch = 0, stdout = 0, stderr = 0] = text.split('.').map(Number);
  return { epoch, stdout, stderr };
}

const liveInputSchema = z.strictObject({
  received: count.describe('Bytes that the service has; a client that was cut off goes on from here'),
  upTo: count.describe('Bytes that may have been sent by now; it grows as the program reads'),
  wanted: z.boolean().describe('The program has asked for input'),
  ended: z.boolean().describe('No more may come'),
});

export type LiveInput = z.infer<typeof liveInputSchema>;

/** What the service says. */
export const liveServerMessageSchema = z
  .discriminatedUnion('type', [
    z
      .strictObject({
        type: z.literal('state'),
        state: z.enum(['queued', 'running', 'done']),
        attempt: count.describe('How often it was begun'),
        input: liveInputSchema.nullable().describe('null for a run that brought its input with it'),
      })
      .describe('At first, and whenever something of it changes'),
    z
      .strictObject({
        type: z.literal('output'),
        stream: z.enum(['stdout', 'stderr']),
        ...bytes,
        cursor: liveCursorSchema,
      })
      .describe(
        'What the program wrote; dataBase64 where the piece is not UTF-8 by itself, or is shorter so',
      ),
    z
      .strictObject({ type: z.literal('restart'), attempt: count, cursor: liveCursorSchema })
      .describe(
        'What ran it died: the run begins anew, with its input from the beginning. Earlier output is void',
      ),
    z
      .strictObject({
        type: z.literal('result'),
        result: runResultFields.omit({
          stdout: true,
          stdoutBase64: true,
          stderr: true,
          stderrBase64: true,
          outputs: true,
        }),
        cursor: liveCursorSchema,
      })
      .describe('The end, after all output; the rest of the result stands at /v1/runs/ID'),
    z
      .strictObject({ type: z.literal('error'), code: z.string(), message: z.string() })
      .describe('Why the connection is closed'),
  ])
  .meta({ id: 'LiveServerMessage' });

export type LiveServerMessage = z.infer<typeof liveServerMessageSchema>;
export type LiveResult = Extract<LiveServerMessage, { type: 'result' }>['result'];

const at = count
  .optional()
  .describe('Where in the input it stands, bytes: what the service has already is left out');

/** What a client says. */
export const liveClientMessageSchema = z
  .discriminatedUnion('type', [
    z
      .strictObject({ type: z.literal('input'), ...bytes, at })
      .refine(oneOfBoth, { message: 'give exactly one of data and dataBase64', path: ['data'] })
      .describe(`Standard input, at most ${LIVE_BOUNDS.chunk} bytes of it`),
    z.strictObject({ type: z.literal('end'), at }).describe('The end of the input'),
    z
      .strictObject({ type: z.literal('interrupt') })
      .describe('Ctrl-C: KeyboardInterrupt in a program that runs'),
    z.strictObject({ type: z.literal('cancel') }).describe('Ends the run, as DELETE does'),
  ])
  .meta({ id: 'LiveClientMessage' });

export type LiveClientMessage = z.infer<typeof liveClientMessageSchema>;
