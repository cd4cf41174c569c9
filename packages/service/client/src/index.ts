/** How the output of a result is read: exactly one of `stdout` and `stdoutBase64` is there. */
export { bytesOf, textOf } from '@sandpiper/contracts';
export * from './client.js';
export * from './errors.js';
export * from './run-stream.js';
export type { EndedRun } from '@sandpiper/contracts';
export type { ProblemsClient } from './problems.js';
export type { JudgedOptions, SubmissionsClient } from './submissions.js';
export type { CallOptions, ClientOptions } from './transport.js';
