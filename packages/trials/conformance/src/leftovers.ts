import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/**
 * Kills processes that a bare program left behind in a group of their own: those that work in a folder below `top`, or
 * have their home there. The folder is ours alone.
 */
export function killLeftovers(top: string): void {
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid || !livesIn(pid, top)) continue;
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // ended meanwhile
    }
  }
}

function livesIn(pid: number, top: string): boolean {
  try {
    if (`${readlinkSync(`/proc/${pid}/cwd`)}/`.startsWith(`${top}/`)) return true;
    return readFileSync(`/proc/${pid}/environ`, 'latin1')
      .split('\0')
      .some((variable) => variable.startsWith(`HOME=${top}/`));
  } catch {
    return false; // ended meanwhile, or another user's
  }
}
