import { existsSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { firstLine } from '@sandpiper/contracts';

/**
 * The control groups that hold this process (cgroups(7)): its own first, then each parent, as far as they are
 * visible. In a container the last one is usually the container's own.
 */
export interface GroupChain {
  readonly version: 1 | 2;
  readonly directories: readonly string[];
}

interface Mount {
  /** The group that is mounted, and where. */
  readonly root: string;
  readonly point: string;
  readonly type: string;
  readonly options: readonly string[];
}

/**
 * Null where no group of that controller is visible.
 *
 * @param host the folder that holds /proc and /sys; for tests
 */
export function groupChain(controller: 'cpu' | 'memory', host = ''): GroupChain | null {
  const groups = textOf(`${host}/proc/self/cgroup`);
  const mounts = readMounts(host);
  const v1 = mounts.find(({ type, options }) => type === 'cgroup' && options.includes(controller));
  const groupV1 = new RegExp(`^\\d+:(?:[^:\\n]*,)?${controller}(?:,[^:\\n]*)?:(.*)$`, 'm').exec(groups)?.[1];
  if (v1 !== undefined && groupV1 !== undefined)
    return { version: 1, directories: upwards(v1, groupV1, host) };
  const v2 = mounts.find(({ type }) => type === 'cgroup2');
  const groupV2 = /^0::(.*)$/m.exec(groups)?.[1];
  if (v2 === undefined || groupV2 === undefined) return null;
  const directories = upwards(v2, groupV2, host);
  const has = directories.some((directory) =>
    textOf(`${directory}/cgroup.controllers`).split(/\s+/).includes(controller),
  );
  return has ? { version: 2, directories } : null;
}

/** The first line of a group's file; null where there is none, as in the topmost group. */
export function figureOf(directory: string, file: string): string | null {
  const text = textOf(`${directory}/${file}`);
  return text === '' ? null : firstLine(text);
}

function upwards({ root, point }: Mount, group: string, host: string): string[] {
  const below =
    root === '/'
      ? group
      : group === root
        ? '/'
        : group.startsWith(`${root}/`)
          ? group.slice(root.length)
          : '/';
  // A group outside the mounted one is shown as `/../..` (cgroup_namespaces(7)); then the mounted one holds
  // us too.
  const visible = !below.split('/').includes('..') && existsSync(`${host}${posix.join(point, below)}`);
  const directories: string[] = [];
  for (let at = visible ? posix.join('/', below) : '/'; ; at = posix.dirname(at)) {
    directories.push(`${host}${at === '/' ? point : posix.join(point, at)}`);
    if (at === '/') return directories;
  }
}

/**
 * A line of /proc/self/mountinfo (proc(5)): `ID PARENT DEVICE ROOT POINT OPTIONS TAGS... - TYPE SOURCE
 * OPTIONS`.
 */
function readMounts(host: string): Mount[] {
  return textOf(`${host}/proc/self/mountinfo`)
    .split('\n')
    .flatMap((line) => {
      const [place = '', what = ''] = line.split(' - ');
      const [, , , root, point] = place.split(' ');
      const [type, , options] = what.split(' ');
      if (root === undefined || point === undefined || type === undefined || options === undefined) return [];
      return [{ root: unescaped(root), point: unescaped(point), type, options: options.split(',') }];
    });
}

/** Spaces and the like are octal there. */
function unescaped(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return ''; // missing or not readable
  }
}
