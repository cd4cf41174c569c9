import { runKernel } from './kernel/target.js';
import type { Target } from './loop.js';
import { runProtocol } from './protocol/target.js';

/** What runs in a thread, on bytes. */
export const TARGETS: Readonly<Record<string, Target>> = {
  kernel: runKernel,
  protocol: runProtocol,
};
