import { readFileSync } from 'node:fs';

/** SIGKILL in a mask of /proc/PID/status (proc(5)). */
const KILLED = 1n << 8n;

/** Whether a guest that is being served is no more: killed, and reaped or about to be. One that cannot be seen is there. */
export function hasEnded(pid: number): boolean {
  try {
    return /^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return !exists(pid);
  }
}

/** With `hidepid` a process of another user is there, and its folder is not (proc(5)). */
function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/**
 * Whether a guest that nobody has spoken to for a while is still one: not ended and not reaped yet, and not about to,
 * because somebody has killed it just now.
 */
export function isAlive(pid: number): boolean {
  let status: string;
  try {
    status = readFileSync(`/proc/${pid}/status`, 'latin1');
  } catch {
    return false; // reaped
  }
  // Of what ends, its memory goes first.
  if (/^State:\s+[ZX]/m.test(status) || !/^VmRSS:/m.test(status)) return false;
  return ['SigPnd', 'ShdPnd'].every((name) => {
    const mask = new RegExp(`^${name}:\\s+([0-9a-f]+)$`, 'm').exec(status)?.[1] ?? '0';
    return (BigInt(`0x${mask}`) & KILLED) === 0n;
  });
}
