export * from './logger.js';
export * from './metric-names.js';
export * from './node-metrics.js';
export * from './scheduler-metrics.js';
export * from './service-process.js';
