export { shareHostCache } from '@sandpiper/vfs';
export * from './clock.js';
export * from './kernel.js';
export * from './mounts.js';
export { libcSurface } from './surfaces/libc.js';
export { linuxSurface } from './surfaces/linux.js';
export type { Row, Support, Surface } from './surfaces/surface.js';
export * from './types.js';
export { PlacementError } from '@sandpiper/vfs';
