import type { Behaviour } from '../behaviour.js';

/** What a node is given by its host: CPUs, memory, user ids. Numbers 95 to 97. */
export const POD: readonly Behaviour[] = [];
