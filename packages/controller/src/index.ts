export * from './cell.js';
export * from './host.js';
export type { GuestFile, GuestJob } from './job.js';
export { RUN_FOLDER } from './job.js';
export * from './local.js';
