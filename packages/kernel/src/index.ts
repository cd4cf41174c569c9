export * from './kernel.js';
export * from './mounts.js';
export * from './types.js';
