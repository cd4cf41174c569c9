export * from './logger.js';
export { METRIC_NAMES, METRICS, type MetricSpec, NODE_METRICS, SCHEDULER_METRICS } from './metric-names.js';
export * from './node-metrics.js';
export * from './reconnects.js';
export * from './scheduler-metrics.js';
export * from './service-process.js';
export * from './span.js';
export * from './tracing.js';
