export type { CellFactory, CellLike, CellPlace } from './cell-like.js';
export { planCells, readConfig, type Config } from './config.js';
export { WorkerNode, type NodeOptions } from './node.js';
export { operationsServer } from './operations-server.js';
