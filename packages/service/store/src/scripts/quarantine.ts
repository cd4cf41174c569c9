import { Script } from '../redis/script.js';

/** Runs that wait outside of the queue: lua/include/quarantine.lua says when. */
export const DEFER = new Script('sandpiperDefer', 1, 'lifecycle/defer');
export const TAKE_DEFERRED = new Script('sandpiperTakeDeferred', 3, 'lifecycle/take-deferred');
