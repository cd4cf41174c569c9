import { accessSync, constants, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const ROOT = '/sys/fs/cgroup';

/** Where keepers may make a control group for each guest (cgroups(7)), or why they may not. */
export type CgroupFolder =
  | { readonly kind: 'v1'; readonly directory: string }
  /** `cpus`: how many CPUs a guest may use at most (cpu.max), or null for no cap. */
  | { readonly kind: 'v2'; readonly directory: string; readonly cpus: number | null }
  | { readonly kind: 'none'; readonly why: string };

/** The values of the environment variable SANDPIPER_CGROUPS. */
const CHOICES = ['auto', 'off', 'v1', 'v2'];

let found: CgroupFolder | undefined;

/**
 * Looked up once. SANDPIPER_CGROUPS=v1 or v2 requires that version.
 * @throws Error with a one-line message when the requested version is not available
 */
export function cgroupFolder(): CgroupFolder {
  found ??= withCap(choose(process.env['SANDPIPER_CGROUPS'] ?? 'auto'), cpuCap());
  return found;
}

/** From `SANDPIPER_GUEST_CPUS`, e.g. 0.5; null when it is not set. */
function cpuCap(): number | null {
  const text = process.env['SANDPIPER_GUEST_CPUS'];
  if (text === undefined || text === '') return null;
  const cpus = Number(text);
  if (!(cpus >= 0.01 && cpus <= 1024)) {
    throw new Error(`SANDPIPER_GUEST_CPUS must be a number from 0.01 to 1024, not ${JSON.stringify(text)}`);
  }
  return cpus;
}

function withCap(folder: CgroupFolder, cpus: number | null): CgroupFolder {
  if (cpus === null) return folder;
  if (folder.kind !== 'v2') {
    const why = folder.kind === 'none' ? folder.why : 'only version 1 is available';
    throw new Error(`SANDPIPER_GUEST_CPUS needs control groups of version 2: ${why}`);
  }
  const enabled = words(join(folder.directory, 'cgroup.subtree_control'));
  try {
    if (!enabled.includes('cpu')) writeFileSync(join(folder.directory, 'cgroup.subtree_control'), '+cpu');
  } catch (error) {
    throw new Error(
      `SANDPIPER_GUEST_CPUS: ${folder.directory} has no controller for the CPU: ${(error as Error).message}`,
      { cause: error },
    );
  }
  return { ...folder, cpus };
}

function choose(choice: string): CgroupFolder {
  if (!CHOICES.includes(choice)) {
    throw new Error(`SANDPIPER_CGROUPS must be one of ${CHOICES.join(', ')}, not ${JSON.stringify(choice)}`);
  }
  if (choice === 'off') return { kind: 'none', why: 'switched off by SANDPIPER_CGROUPS' };
  const v2 = choice === 'v1' ? null : folderV2();
  if (v2?.kind === 'v2') return v2;
  const v1 = choice === 'v2' ? null : folderV1();
  if (v1?.kind === 'v1') return v1;
  const why = [v2, v1].flatMap((folder) => (folder?.kind === 'none' ? [folder.why] : [])).join('; ');
  if (choice !== 'auto') throw new Error(`SANDPIPER_CGROUPS=${choice}: ${why}`);
  return { kind: 'none', why };
}

/** The group of this process, e.g. `/user.slice`; null where that hierarchy does not exist. */
function groupOf(form: RegExp): string | null {
  return form.exec(readFileSync('/proc/self/cgroup', 'latin1'))?.[1] ?? null;
}

function folderV1(): CgroupFolder {
  const group = groupOf(/^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(.*)$/m);
  const directory = group === null ? null : join(ROOT, 'memory', group);
  if (directory === null || !existsSync(join(directory, 'memory.limit_in_bytes'))) {
    return { kind: 'none', why: 'no memory controller of version 1' };
  }
  return writable(directory) ? { kind: 'v1', directory } : notOurs(directory);
}

function folderV2(): CgroupFolder {
  const group = groupOf(/^0::(.*)$/m);
  if (group === null || !existsSync(join(ROOT, 'cgroup.controllers'))) {
    return { kind: 'none', why: 'cgroup v2 is not mounted' };
  }
  const own = join(ROOT, group);
  const controllers = words(join(own, 'cgroup.controllers'));
  if (!controllers.includes('memory') || !controllers.includes('pids')) {
    return { kind: 'none', why: `${own} has no controllers for memory and pids` };
  }
  const above = own === `${ROOT}/` ? null : dirname(own);
  if (above !== null && isDivided(above)) return { kind: 'v2', directory: above, cpus: null };
  if (!writable(own) || !writable(join(own, 'cgroup.subtree_control'))) return notOurs(own);
  try {
    return delegate(own);
  } catch (error) {
    return { kind: 'none', why: `${own} cannot be subdivided: ${(error as Error).message}` };
  }
}

/**
 * The parent group, delegated to us with its controllers on: our own group is then one of several beside the
 * guests'. So it is below a node that moved itself (see `delegate`), and where an administrator made both.
 */
function isDivided(directory: string): boolean {
  if (!writable(directory) || !writable(join(directory, 'cgroup.procs'))) return false;
  if (words(join(directory, 'cgroup.procs')).length > 0) return false;
  const enabled = words(join(directory, 'cgroup.subtree_control'));
  return enabled.includes('memory') && enabled.includes('pids');
}

/**
 * A group with controllers for its children may not hold a process itself, except the root: so this process,
 * alone in its group, moves into a child. Other processes in the group are not ours to move.
 */
function delegate(own: string): CgroupFolder {
  const enabled = words(join(own, 'cgroup.subtree_control'));
  if (enabled.includes('memory') && enabled.includes('pids'))
    return { kind: 'v2', directory: own, cpus: null };
  const others = words(join(own, 'cgroup.procs')).filter((pid) => !isOurs(Number(pid)));
  if (own !== `${ROOT}/` && others.length > 0) {
    return {
      kind: 'none',
      why: `${own} holds other processes too; start this one in a delegated group of its own`,
    };
  }
  const leaf = join(own, `sandpiper-node-${process.pid}`);
  if (own !== `${ROOT}/`) {
    mkdirSync(leaf, { recursive: true });
    for (const pid of words(join(own, 'cgroup.procs'))) writeFileSync(join(leaf, 'cgroup.procs'), pid);
  }
  writeFileSync(join(own, 'cgroup.subtree_control'), '+memory +pids');
  return { kind: 'v2', directory: own, cpus: null };
}

/** Whether it is this process or a descendant. */
function isOurs(pid: number): boolean {
  for (let at = pid; at > 1; ) {
    if (at === process.pid) return true;
    try {
      const stat = readFileSync(`/proc/${at}/stat`, 'latin1');
      at = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    } catch {
      return true; // ended meanwhile
    }
  }
  return false;
}

function notOurs(directory: string): CgroupFolder {
  return { kind: 'none', why: `${directory} is not writable for this process` };
}

function writable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function words(path: string): string[] {
  return readFileSync(path, 'latin1').split(/\s+/).filter(Boolean);
}
