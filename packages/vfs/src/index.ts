export * from './host.js';
export * from './inode.js';
export * from './memory.js';
export * from './name-space.js';
