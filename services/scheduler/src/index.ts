export { buildApp, type AppDeps } from './app.js';
export { authOf, readConfig, type Config } from './config.js';
