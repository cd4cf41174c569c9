export * from './channel.js';
export * from './dump.js';
export * from './errors.js';
export * from './signature.js';
export * from './transport.js';
