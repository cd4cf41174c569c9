import {
  childLifecycle,
  explore,
  type ChildEvent,
  type Edge,
  type Message,
  type Tagged,
} from '@sandpiper/actor';
import { cellLifecycle, type CellEvent } from './cell.js';
import { nodeLifecycle, type NodeEvent } from './node.js';
import { attemptLifecycle, type AttemptEvent } from './run.js';

/** Every event, in each form that makes a difference, for tests and docs/lifecycles.md. */
const error = new Error('out of order');

export const CELL_EVENTS: readonly CellEvent[] = [
  { type: 'started' },
  { type: 'not-started', error },
  { type: 'assign', run: 'a' },
  { type: 'assign', run: 'b' },
  { type: 'finished', run: 'a' },
  { type: 'finished', run: 'b' },
  { type: 'cancel', run: 'a' },
  { type: 'cancel', run: 'b' },
  { type: 'died', error },
  { type: 'close' },
  { type: 'cleared', error: null },
  { type: 'cleared', error },
];

export const RUN_EVENTS: readonly AttemptEvent[] = [
  { type: 'begin', outcome: 'run' },
  { type: 'begin', outcome: 'cancel' },
  { type: 'begin', outcome: 'poison' },
  { type: 'assigned' },
  { type: 'no-room' },
  { type: 'ended', killed: false, again: false },
  { type: 'ended', killed: false, again: true },
  { type: 'ended', killed: true, again: false },
  { type: 'broke', how: 'again', error },
  { type: 'broke', how: 'refused', error },
  { type: 'broke', how: 'unblamed', error },
  { type: 'written', accepted: true },
  { type: 'written', accepted: false },
  { type: 'released' },
  { type: 'store-failed', error },
  { type: 'cancel' },
  { type: 'lock-lost' },
  { type: 'hand-back' },
];

export const NODE_EVENTS: readonly NodeEvent[] = [
  { type: 'cells-started' },
  { type: 'cells', cells: { up: 2, troubled: 0 } },
  { type: 'cells', cells: { up: 1, troubled: 1 } },
  { type: 'cells', cells: { up: 0, troubled: 1 } },
  { type: 'cordon', cordon: 'cordon' },
  { type: 'cordon', cordon: 'drain' },
  { type: 'cordon', cordon: null },
  { type: 'drain' },
  { type: 'abandon' },
  { type: 'runs-ended' },
  { type: 'grace-over' },
  { type: 'hand-back-over' },
  { type: 'cells-closed' },
];

const CHILD_EVENTS: readonly ChildEvent[] = [
  { type: 'up' },
  { type: 'ended', at: 0, error },
  { type: 'healthy', at: 0 },
  { type: 'healthy', at: 1 },
  { type: 'rested' },
  { type: 'stop' },
];

/** A small policy with few states: the drawing is the same for every policy. */
const DRAWN_POLICY = { firstBackOffMs: 1, maxBackOffMs: 2, maxFailures: 2, windowMs: 1 };

/** The lifecycles of a node with all their events. */
export const LIFECYCLES: readonly {
  readonly name: string;
  readonly source: string;
  readonly edges: () => readonly Edge<Tagged, Message, Message>[];
}[] = [
  {
    name: 'node',
    source: 'services/worker/src/lifecycles/node.ts',
    edges: () => explore(nodeLifecycle, NODE_EVENTS),
  },
  {
    name: 'cell',
    source: 'services/worker/src/lifecycles/cell.ts',
    edges: () => explore(cellLifecycle, CELL_EVENTS),
  },
  {
    name: 'run',
    source: 'services/worker/src/lifecycles/run.ts',
    edges: () => explore(attemptLifecycle, RUN_EVENTS),
  },
  {
    name: 'supervised child',
    source: 'packages/service/actor/src/supervision.ts',
    edges: () => explore(childLifecycle(DRAWN_POLICY), CHILD_EVENTS),
  },
];
