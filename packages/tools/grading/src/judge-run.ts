/** What judges a single run, without the formats of problems: a node loads it at its start. */
export * from './judge/judge-run.js';
export * from './validators/comparer.js';
export * from './validators/flags.js';
