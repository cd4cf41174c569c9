export * from './cgroups.js';
export type { GuestFigures } from './guest-figures.js';
export * from './keeper-client.js';
export * from './keeper-process.js';
export * from './native.js';
