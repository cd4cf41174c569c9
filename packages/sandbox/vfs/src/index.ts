export { shareHostCache } from './host-cache.js';
export * from './host.js';
export * from './inode.js';
export * from './memory.js';
export * from './kept.js';
export * from './name-space.js';
export * from './work.js';
