import type { Behaviour } from '../behaviour.js';

/** What a run does to its cell and to its node. Numbers 98 to 103. */
export const NODE: readonly Behaviour[] = [];
