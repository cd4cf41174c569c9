import { z } from 'zod';
import { runRequestSchema } from './run-request.js';
import { runResultSchema, type RunState, runStatusSchema } from './run-result.js';

export const MAX_BATCH_RUNS = 10_000;

/** The body of `POST /v1/batches`. */
export const batchRequestSchema = z
  .strictObject({
    runs: z.array(runRequestSchema).min(1).max(MAX_BATCH_RUNS),
    name: z.string().min(1).max(256).optional(),
    idempotencyKey: z.string().min(1).max(256).optional(),
  })
  .meta({ id: 'BatchRequest' });

export type BatchRequest = z.infer<typeof batchRequestSchema>;

const count = z.number().int().nonnegative();

/** A batch without its runs. */
export const batchSummarySchema = z
  .strictObject({
    id: z.string(),
    name: z.string().nullable(),
    state: z.enum(['running', 'done']),
    total: count,
    done: count,
    byStatus: z.partialRecord(runStatusSchema, count),
  })
  .meta({ id: 'BatchSummary' });

export type BatchSummary = z.infer<typeof batchSummarySchema>;

/** The answer to `GET /v1/batches/:id`. `runs` is in the order of the request. */
export const batchStateSchema = batchSummarySchema
  .extend({
    runs: z.array(
      z.strictObject({
        id: z.string(),
        state: z.enum(['queued', 'running', 'done']),
        result: runResultSchema.nullable(),
      }),
    ),
  })
  .meta({ id: 'BatchState' });

export type BatchState = z.infer<typeof batchStateSchema>;

/** The data of a job in the queue of a node: there are runs for it. It takes them from the backlogs. */
export interface Ticket {
  readonly version: number;
}

export const JOB_VERSION = 3;

/** A run of a batch that has ended. */
export interface EndedRun {
  /** Number of ended runs, this one included. */
  readonly position: number;
  /** Its index in the batch. */
  readonly index: number;
  readonly run: RunState;
}
