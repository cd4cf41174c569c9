import { readFileSync } from 'node:fs';
import { cpuShare } from './cpus.js';

/**
 * How long each CPU has had nothing to do since the boot, in clock ticks (proc_stat(5), idle and iowait); empty where
 * the kernel does not tell.
 * @param host the folder that holds /proc; for tests
 */
export function idleTicks(host = ''): ReadonlyMap<number, number> {
  const ticks = new Map<number, number>();
  for (const [, cpu, idle, wait] of statOf(host).matchAll(/^cpu(\d+) \d+ \d+ \d+ (\d+) (\d+)/gm)) {
    ticks.set(Number(cpu), Number(idle) + Number(wait));
  }
  return ticks;
}

/** Of the CPUs that this process may use, the one with the most idle time since then; null where that is unknown. */
export function quietestCpu(before: ReadonlyMap<number, number>, host = ''): number | null {
  let best: { readonly cpu: number; readonly idle: number } | null = null;
  const now = idleTicks(host);
  for (const cpu of cpuShare(host).allowed) {
    const [then, after] = [before.get(cpu), now.get(cpu)];
    if (then === undefined || after === undefined) continue;
    if (best === null || after - then > best.idle) best = { cpu, idle: after - then };
  }
  return best?.cpu ?? null;
}

function statOf(host: string): string {
  try {
    return readFileSync(`${host}/proc/stat`, 'latin1');
  } catch {
    return ''; // no /proc
  }
}
