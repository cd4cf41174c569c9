export * from './inspect.js';
export * from './runtime-file.js';
