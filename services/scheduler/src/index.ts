export { buildApp, type AppDeps } from './app.js';
export { readConfig, type Config } from './config.js';
