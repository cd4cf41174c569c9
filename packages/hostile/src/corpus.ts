import type { Behaviour } from './behaviour.js';
import { FILES } from './corpus/files.js';
import { MEMORY } from './corpus/memory.js';
import { PROTOCOL } from './corpus/protocol.js';
import { PROCESSES } from './corpus/processes.js';
import { SURROUNDINGS } from './corpus/surroundings.js';
import { SYSTEM_CALLS } from './corpus/system-calls.js';

/** All of the list, in its order. */
export const CORPUS: readonly Behaviour[] = [
  ...PROCESSES,
  ...MEMORY,
  ...SYSTEM_CALLS,
  ...FILES,
  ...PROTOCOL,
  ...SURROUNDINGS,
];
