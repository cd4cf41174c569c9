export type { CellFactory, CellLike, CellSpec } from './cell-like.js';
export { planCells, readWorkerConfig, type WorkerConfig } from './config.js';
export { WorkerNode, type NodeOptions } from './node.js';
export { operationsServer } from './operations-server.js';
