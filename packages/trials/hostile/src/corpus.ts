import type { Behaviour } from './behaviour.js';
import { FILES } from './corpus/files.js';
import { KERNEL } from './corpus/kernel.js';
import { MEMORY } from './corpus/memory.js';
import { NODE } from './corpus/node.js';
import { POD } from './corpus/pod.js';
import { PROTOCOL } from './corpus/protocol.js';
import { PROCESSES } from './corpus/processes.js';
import { START } from './corpus/start.js';
import { SURROUNDINGS } from './corpus/surroundings.js';
import { SYSTEM_CALLS } from './corpus/system-calls.js';
import { TENANTS } from './corpus/tenants.js';

/** All of the list, in its order. */
export const CORPUS: readonly Behaviour[] = [
  ...PROCESSES,
  ...MEMORY,
  ...SYSTEM_CALLS,
  ...FILES,
  ...PROTOCOL,
  ...SURROUNDINGS,
  ...START,
  ...KERNEL,
  ...POD,
  ...NODE,
  ...TENANTS,
];

/** The numbers run from 1 to this one. Each file of corpus/ has a range of its own, which may have gaps. */
export const LAST_NUMBER = Math.max(...CORPUS.map(({ number }) => number));
