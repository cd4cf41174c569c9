import type { Behaviour } from '../behaviour.js';

/** What one call of the virtual kernel costs, and what a guest makes the controller hold. Numbers 85 to 94. */
export const KERNEL: readonly Behaviour[] = [];
