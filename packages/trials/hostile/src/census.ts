import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { cgroupFolder } from '@sandpiper/controller';

/** The user of no account (nobody of passwd(5)). */
const NOBODY = 65_534;
const MIB = 1024 * 1024;

/** What is there at one moment, in words that are the same as long as nothing was left behind. */
export interface Census {
  readonly processes: readonly string[];
  readonly descriptors: readonly string[];
  readonly files: readonly string[];
  readonly groups: readonly string[];
  /** Of System V: what outlives a process by itself. */
  readonly ipc: readonly string[];
  readonly residentBytes: number;
  readonly keeperBytes: number;
}

/** Of this process and all below it; `folder` is where it keeps its temporary files. */
export function takeCensus(folder: string): Census {
  const below = descendants(process.pid);
  // Children of ours; what a keeper forks has its name for a moment.
  const keepers = below.filter(
    (pid) => nameOf(pid).startsWith('sandpiper-keepe') && statOf(pid)?.parent === process.pid,
  );
  return {
    processes: below.map(describe).sort(),
    descriptors: [process.pid, ...keepers].flatMap(descriptorsOf).sort(),
    files: [...listing(folder), ...filesOfGuests()],
    groups: keepers.flatMap(groupsOf).sort(),
    ipc: ['shm', 'sem', 'msg'].flatMap((kind) => linesOf(`/proc/sysvipc/${kind}`)),
    residentBytes: process.memoryUsage.rss(),
    keeperBytes: Math.max(0, ...keepers.map(residentOf)),
  };
}

const HOLDS_MORE = 'the controller holds';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** How much more a controller may hold after any run than before all of them; bytes. */
const MORE_MEMORY = 256 * MIB;
const MORE_KEEPER_MEMORY = 8 * MIB;

/** What is there that was not, and what has gone, in lines; empty when the censuses agree. */
function differences(before: Census, now: Census): string[] {
  const lines: string[] = [];
  for (const kind of ['processes', 'descriptors', 'files', 'groups', 'ipc'] as const) {
    const gone = without(before[kind], now[kind]);
    const left = without(now[kind], before[kind]);
    if (left.length > 0) lines.push(`${kind} left behind: ${left.slice(0, 5).join(', ')}`);
    if (gone.length > 0) lines.push(`${kind} that have gone: ${gone.slice(0, 5).join(', ')}`);
  }
  const more = now.residentBytes - before.residentBytes;
  if (more > MORE_MEMORY) lines.push(`${HOLDS_MORE} ${Math.round(more / MIB)} MiB more`);
  const keeper = now.keeperBytes - before.keeperBytes;
  if (keeper > MORE_KEEPER_MEMORY) lines.push(`a keeper holds ${Math.round(keeper / MIB)} MiB more`);
  return lines;
}

/** What ends takes a moment to be gone: looks again until the census is as before, or that long. */
export async function settle(before: Census, folder: string, deadlineMs: number): Promise<string[]> {
  const end = Date.now() + deadlineMs;
  for (;;) {
    const left = differences(before, takeCensus(folder));
    if (left.length === 0 || Date.now() > end) return left;
    // On a busy host V8 puts collections off; what is garbage is not held.
    if (left.some((line) => line.startsWith(HOLDS_MORE))) collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The members of `all` that `known` has not as often. */
function without(all: readonly string[], known: readonly string[]): string[] {
  const left = [...known];
  return all.filter((one) => {
    const at = left.indexOf(one);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

interface Stat {
  readonly state: string;
  readonly parent: number;
}

/** The name of a program may hold spaces and parentheses (proc(5)). Null when it has ended meanwhile. */
function statOf(pid: number): Stat | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const [state = '', parent = ''] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { state, parent: Number(parent) };
  } catch {
    return null;
  }
}

export function descendants(root: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? statOf(Number(name)) : null;
    if (stat !== null) parents.set(Number(name), stat.parent);
  }
  const found: number[] = [];
  for (let ring = [root]; ring.length > 0; found.push(...ring))
    ring = [...parents].filter(([, parent]) => ring.includes(parent)).map(([pid]) => pid);
  return found;
}

function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'latin1').trim();
  } catch {
    return '?';
  }
}

function describe(pid: number): string {
  const state = statOf(pid)?.state;
  return `${nameOf(pid)}${state === 'Z' ? ' (zombie)' : ''}`;
}

/** What each leads to. Of files of processes, which come and go, the number is left out. */
function descriptorsOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  return listingOf(folder).flatMap((fd) => {
    try {
      const target = readlinkSync(join(folder, fd));
      // The one that this listing is read from, and what it is called in between.
      if (target.startsWith(`/proc/${process.pid}/fd`) || target === folder) return [];
      const named = target.replace(/^\/proc\/\d+\//, '/proc/PID/');
      // A keeper has a new one for each parent, which is replaced after ten minutes.
      return [pid === process.pid ? `ours ${named}` : `keeper ${named.replace(/^(socket):.*/, '$1')}`];
    } catch {
      return [];
    }
  });
}

function listingOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // ended meanwhile
  }
}

function listing(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
}

/** Files in world-writable folders whose owner is neither root nor an account of this host: a guest's, of any cell. */
function filesOfGuests(): string[] {
  if (process.getuid?.() !== 0) return [];
  const known = accounts();
  return ['/tmp', '/var/tmp', '/dev/shm', '/dev/mqueue'].filter(existsSync).flatMap((folder) =>
    readdirSync(folder)
      .map((name) => join(folder, name))
      .filter((path) => {
        const owner = lstatSync(path, { throwIfNoEntry: false })?.uid;
        return owner !== undefined && !known.has(owner);
      }),
  );
}

/** passwd(5), without nobody. */
function accounts(): ReadonlySet<number> {
  const lines = readFileSync('/etc/passwd', 'latin1').trimEnd().split('\n');
  return new Set(lines.map((line) => Number(line.split(':')[2])).filter((uid) => uid !== NOBODY));
}

function groupsOf(keeper: number): string[] {
  const folder = cgroupFolder();
  if (folder.kind === 'none') return [];
  return readdirSync(folder.directory).filter((name) => name.startsWith(`sandpiper-${keeper}`));
}

function linesOf(path: string): string[] {
  try {
    return readFileSync(path, 'latin1').trimEnd().split('\n').slice(1);
  } catch {
    return []; // a kernel without it
  }
}

function residentOf(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0; // ended meanwhile
  }
}
