export * from './client.js';
export * from './errors.js';
export * from './run-stream.js';
export type { ClientOptions } from './transport.js';
