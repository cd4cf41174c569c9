import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

const ROOT = '/sys/fs/cgroup';
let made = 0;

/**
 * A control group in which all nodes of a cluster are started (cgroups(7)). Their descendants are in it or
 * below, whatever their present parent: so an orphan cannot hide.
 */
export class NodeGroup {
  private constructor(
    private readonly directory: string,
    /** Where a node writes its process id before it is executed. */
    readonly door: string,
  ) {}

  /** Null where this host delegates no groups. */
  static make(): NodeGroup | null {
    const name = `faults-${process.pid}-${++made}`;
    try {
      return version1(name) ?? version2(name);
    } catch {
      return null;
    }

    function version1(name: string): NodeGroup | null {
      const group = ownGroup(/^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(.*)$/m);
      if (group === null || !existsSync(join(ROOT, 'memory', group, 'memory.limit_in_bytes'))) return null;
      const directory = join(ROOT, 'memory', group, name);
      mkdirSync(directory);
      return new NodeGroup(directory, join(directory, 'cgroup.procs'));
    }

    /** Nodes find their parent group divided and delegated, and make their guests' groups there. */
    function version2(name: string): NodeGroup | null {
      const group = ownGroup(/^0::(.*)$/m);
      if (group === null || !existsSync(join(ROOT, 'cgroup.controllers'))) return null;
      // Beside our own group, because a group that holds processes cannot be divided.
      const above = group === '/' ? ROOT : dirname(join(ROOT, group));
      accessSync(above, constants.W_OK);
      const directory = join(above, name);
      mkdirSync(directory);
      writeFileSync(join(directory, 'cgroup.subtree_control'), '+memory +pids');
      mkdirSync(join(directory, 'nodes'));
      return new NodeGroup(directory, join(directory, 'nodes', 'cgroup.procs'));
    }
  }

  /** Every process of every node, and its remains. */
  processes(): number[] {
    return this.groups().flatMap((group) => words(join(group, 'cgroup.procs')).map(Number));
  }

  /** Names of the groups that keepers made for their guests. */
  ofKeepers(): string[] {
    return this.groups().flatMap((group) => /\/(sandpiper-\d+-[^/]*)$/.exec(group)?.[1] ?? []);
  }

  /** Removes it, once it holds no live process. */
  remove(): void {
    for (const group of this.groups().reverse()) {
      try {
        rmdirSync(group);
      } catch {
        // A process in there is still dying; the group is empty soon and costs nothing.
      }
    }
  }

  /** It and all groups below, top down. */
  private groups(): string[] {
    const below = (directory: string): string[] => {
      try {
        const entries = readdirSync(directory, { withFileTypes: true }).filter((entry) =>
          entry.isDirectory(),
        );
        return [directory, ...entries.flatMap(({ name }) => below(join(directory, name)))];
      } catch {
        return []; // removed meanwhile
      }
    };
    return below(this.directory);
  }
}

function ownGroup(form: RegExp): string | null {
  return form.exec(readFileSync('/proc/self/cgroup', 'latin1'))?.[1] ?? null;
}

function words(path: string): string[] {
  try {
    return readFileSync(path, 'latin1').split(/\s+/).filter(Boolean);
  } catch {
    return [];
  }
}
