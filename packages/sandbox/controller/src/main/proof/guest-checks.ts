import { readFileSync } from 'node:fs';
import type { HostCheck } from './host-check.js';

/** Bits of CapEff (capabilities(7)). */
const CAP_SETGID = 6n;
const CAP_SETUID = 7n;

/** For `sandpiper doctor`: the user of the guests, and whether the kernel shows them to the node. */
export function guestChecks(): HostCheck[] {
  const status = readFileSync('/proc/self/status', 'latin1');
  return [userOfGuests(status), visibility()];
}

function userOfGuests(status: string): HostCheck {
  const name = 'user of guests';
  if (process.geteuid?.() !== 0) {
    const detail = "the node's own user: an escaped guest could do whatever the node may";
    return { name, ok: true, required: true, detail, fix: null };
  }
  const capabilities = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  const ok = [CAP_SETGID, CAP_SETUID].every((bit) => ((capabilities >> bit) & 1n) === 1n);
  return {
    ...{ name, ok, required: true },
    detail: ok ? 'one per cell (SANDPIPER_GUEST_UIDS)' : 'root without CAP_SETUID and CAP_SETGID',
    fix: ok ? null : 'run as an ordinary user, or add CAP_SETUID and CAP_SETGID',
  };
}

/** With hidepid=2 an ordinary user does not see undumpable processes, as guests are (proc(5)). */
function visibility(): HostCheck {
  const options = /^\S+ \/proc proc (\S+) /m.exec(readFileSync('/proc/self/mounts', 'latin1'))?.[1] ?? '';
  const hides =
    process.geteuid?.() !== 0 && /(?:^|,)hidepid=(?:2|4|invisible|ptraceable)(?:,|$)/.test(options);
  return {
    ...{ name: 'guests in /proc', ok: !hides, required: false },
    detail: hides ? 'hidden from this user (hidepid): every run starts cold' : 'visible to this user',
    fix: hides ? 'mount -o remount,hidepid=0 /proc, or run as root' : null,
  };
}
