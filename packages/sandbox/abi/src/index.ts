export * from './errno.js';
export * from './flags.js';
export * from './structs.js';
