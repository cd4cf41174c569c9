export * from './cell.js';
export { cgroupPlace } from '@sandpiper/guest';
export { EngineUnusableError, type Interpreter, type TranslatedInterpreter } from './engines.js';
export * from './host.js';
export type { Determinism, GuestFile, GuestJob } from './job.js';
export { RUN_FOLDER } from './job.js';
export * from './local.js';
export { interpreterStampOf } from './transcript.js';
export type { LiveStreams } from './live.js';
