export { buildApp, type AppDeps } from './app.js';
export { authOf, readSchedulerConfig, type SchedulerConfig } from './config.js';
