export * from './checker.js';
export * from './errors.js';
export * from './load-class.js';
export * from './load-problem.js';
export * from './load-submissions.js';
export * from './natural-sort.js';
export * from './problem.js';
export * from './verdict.js';
