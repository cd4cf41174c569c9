import { z } from 'zod';

const count = z.number().int().nonnegative();

/** The answer of `GET /v1/load`: what a farm is scaled by. */
export const loadSchema = z
  .strictObject({
    runs: count.describe('Runs that have not ended, those that run now among them'),
    waiting: count.describe('Of these, runs that no node has begun'),
    running: count.describe('Of these, runs on a node'),
    cells: count.describe('Cells of the nodes that take runs'),
  })
  .meta({ id: 'ServiceLoad' });

export type ServiceLoad = z.infer<typeof loadSchema>;

/** The answer to `GET /v1/load/runtimes`: what nodes of some runtimes have to do, and the cells for it. */
export const runtimeLoadSchema = z
  .strictObject({
    runs: count.describe('Runs for these runtimes that have not ended, those that run now among them'),
    cells: count.describe('Cells of the nodes that take runs of any of these'),
  })
  .meta({ id: 'RuntimeLoad' });

export type RuntimeLoad = z.infer<typeof runtimeLoadSchema>;
