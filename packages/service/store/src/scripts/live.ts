import { Script } from '../redis/script.js';

/** The streams of a live run: lua/README.md says what they hold. */
export const BEGIN_LIVE = new Script('sandpiperBeginLive', 3, 'live/begin-live');
export const APPEND_OUTPUT = new Script('sandpiperAppendOutput', 3, 'live/append-output');
export const LOOK_LIVE = new Script('sandpiperLookLive', 3, 'live/look-live');
export const FEED_INPUT = new Script('sandpiperFeedInput', 4, 'live/feed-input');
export const TAKE_INPUT = new Script('sandpiperTakeInput', 5, 'live/take-input');
export const ORPHAN_INPUT = new Script('sandpiperOrphanInput', 5, 'live/orphan-input');
export const INTERRUPT_LIVE = new Script('sandpiperInterruptLive', 3, 'live/interrupt-live');
