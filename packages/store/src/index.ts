export * from './connection.js';
export * from './events.js';
export * from './keys.js';
export * from './queue.js';
export * from './redis-location.js';
export * from './redis-settings.js';
export * from './store.js';
export * from './synthetic-result.js';
