export * from './batch.js';
export * from './bytes.js';
export * from './limits.js';
export * from './run-request.js';
export * from './run-result.js';
export * from './transcript.js';
