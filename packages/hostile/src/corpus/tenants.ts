import type { Behaviour } from '../behaviour.js';

/** What one tenant does to another over HTTP. Numbers 104 and up. */
export const TENANTS: readonly Behaviour[] = [];
