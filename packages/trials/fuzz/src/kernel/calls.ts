import { readFileSync } from 'node:fs';
import { libcSurface, linuxSurface } from '@sandpiper/kernel';
import type { Source } from '../source.js';

/** A call that a guest can make, with the kinds of its arguments: `i`, `p` or `f` each. */
export interface FuzzedCall {
  readonly key: string;
  readonly kinds: string;
}

/** The arguments of the system calls as they come over the wire: a table of the shim's. */
function linuxKinds(): Map<string, string> {
  const table = readFileSync(
    new URL('../../../../sandbox/guest/native/syscalls.tsv', import.meta.url),
    'utf8',
  );
  const rows = table.split('\n').flatMap((line) => {
    const [, name, kinds] = /^\d+\t(\S+)\t(\S+)/.exec(line) ?? [];
    return name === undefined || kinds === undefined ? [] : [[name, kinds === '-' ? '' : kinds] as const];
  });
  return new Map(rows);
}

/** Calls that end a run: rarely, or sequences would be short. */
const LAST = /^(exit|exit_group|_exit|kill|tkill|tgkill|killpg)\b/;
/** Calls that change files and descriptors, on which the others depend: more often. */
const MAKERS =
  /^(open|openat|creat|mkdir|mkdirat|rmdir|unlink|unlinkat|rename|renameat|renameat2|link|linkat|symlink|dup|dup2|dup3|close|write|pwrite64|pwrite|ftruncate|truncate|mmap|munmap|pipe|pipe2|socketpair|memfd_create|mknod|mkfifo|epoll_ctl|epoll_create1|setxattr|fsetxattr|opendir|fdopendir|closedir|putenv|unsetenv|fcntl|chdir|fchdir)\b/;

/** The calls of one surface. */
export interface CallSet {
  readonly all: readonly FuzzedCall[];
  readonly makers: readonly FuzzedCall[];
}

function callSet(calls: readonly FuzzedCall[]): CallSet {
  const usual = calls.filter(({ key }) => !LAST.test(key));
  const makers = usual.filter(({ key }) => MAKERS.test(key));
  const last = calls.filter(({ key }) => LAST.test(key));
  return { all: [...usual, ...makers, ...makers, ...makers, ...makers, ...last], makers };
}

const FEW_MAKERS = 7;
const FEW_OTHERS = 4;

/**
 * The calls of one life: three lives in four use only a few, and so meet bugs that need repeated calls (swarm
 * testing: Groce and others, ISSTA 2012).
 */
export function someCalls({ all, makers }: CallSet, source: Source): readonly FuzzedCall[] {
  if (source.chance(64)) return all;
  const few = Array.from({ length: FEW_MAKERS }, () => source.pick(makers));
  return [...few, ...few, ...Array.from({ length: FEW_OTHERS }, () => source.pick(all))];
}

const kinds = linuxKinds();
export const LINUX_CALLS = callSet(
  [...linuxSurface.rows.values()].map(({ key }) => ({ key, kinds: kinds.get(key) ?? 'iiiiii' })),
);
export const LIBC_CALLS = callSet(
  [...libcSurface.rows.values()].map(({ key }) => ({ key, kinds: /\((.*)\)/.exec(key)?.[1] ?? '' })),
);
