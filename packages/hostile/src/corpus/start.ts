import type { Behaviour } from '../behaviour.js';

/** What runs before the program begins. Numbers 80 to 84. */
export const START: readonly Behaviour[] = [];
