/** What a command needs before it is known whether anything is graded: small, for it is loaded at each start. */
export { readBounded } from './files/bounded.js';
export * from './files/errors.js';
export * from './verify/parts.js';
