import type { HostCheck } from './host-check.js';

export function checkNode(): HostCheck {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const ok = major > 20 || (major === 20 && minor >= 19);
  return {
    name: 'node',
    ok,
    required: true,
    detail: process.version,
    fix: ok ? null : 'install Node.js 20.19 or newer',
  };
}

/** The first release of each line in which strings of digits have unpredictable hashes (CVE-2026-21717). */
const SEEDED_SINCE: Readonly<Record<number, readonly [minor: number, patch: number]>> = {
  20: [20, 2],
  22: [22, 2],
  24: [14, 1],
  25: [8, 2],
};

/** In older releases the names that a guest or a client chooses can make every lookup slow. */
export function checkHashing(version = process.versions.node): HostCheck {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  const [least, leastPatch] = SEEDED_SINCE[major] ?? (major > 25 ? [0, 0] : [Infinity, 0]);
  const ok = minor > least || (minor === least && patch >= leastPatch);
  return {
    name: 'hashes of node',
    ok,
    required: false,
    detail: ok ? 'unpredictable' : `v${version}: predictable for strings of digits (CVE-2026-21717)`,
    fix: ok ? null : 'install a newer release of Node.js',
  };
}
