import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { figureOf, groupChain } from '../../crossing/groups.js';

/** This process's share of the host's CPUs. */
export interface CpuShare {
  /** The CPUs that it may use (Cpus_allowed_list of proc(5)), which a container may have narrowed. */
  readonly allowed: readonly number[];
  /** How many CPUs the quotas of its control groups allow, e.g. 1.5; null without one. */
  readonly quota: number | null;
  /**
   * Whether the CPUs are exclusive, as far as can be told: fewer than the online ones are allowed, and no
   * quota is below that. So it is with Kubernetes' static CPU manager; pods that share the rest have a quota
   * below their allowed CPUs.
   */
  readonly exclusive: boolean;
}

/** @param host the folder that holds /proc and /sys; for tests */
export function cpuShare(host = ''): CpuShare {
  const allowed = parseCpus(allowedCpuList(host));
  const quota = cpuQuota(host);
  const exclusive =
    namesCpus(host) && allowed.length < onlineCpus(host) && (quota === null || quota >= allowed.length);
  return { allowed, quota, exclusive };
}

/**
 * The CPUs that this process may use, such as `0-3,8`, for messages. Where the kernel does not name them, as many as
 * there are (sched_getaffinity(2)), numbered from 0; nothing is pinned to such a number unless an operator says so.
 */
export function allowedCpuList(host = ''): string {
  return listOfAllowed(host) ?? `0-${availableParallelism() - 1}`;
}

/** Whether the kernel tells which CPUs these are; else they are only counted. */
export function namesCpus(host = ''): boolean {
  return listOfAllowed(host) !== null;
}

function listOfAllowed(host: string): string | null {
  const status = readFileSync(`${host}/proc/self/status`, 'latin1');
  return /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1] ?? null;
}

/** As many cells as can work at the same time: one per allowed CPU, and no more than the quota pays for. */
export function cellsFor({ allowed, quota }: CpuShare): number {
  return Math.max(1, Math.min(allowed.length, quota === null ? Infinity : Math.ceil(quota)));
}

/** A list such as `0-3,8`, as in /proc and /sys. */
function parseCpus(list: string): number[] {
  return list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

/**
 * The least of all quotas from its own group upwards: cpu.max of version 2, cpu.cfs_quota_us of version 1.
 */
function cpuQuota(host: string): number | null {
  const chain = groupChain('cpu', host);
  const quotas = (chain?.directories ?? []).flatMap((directory) => {
    const [quota, period] =
      chain?.version === 2
        ? (figureOf(directory, 'cpu.max') ?? 'max').split(' ').map(Number)
        : ['cpu.cfs_quota_us', 'cpu.cfs_period_us'].map((file) => Number(figureOf(directory, file) ?? -1));
    // No quota is `max` there and -1 here.
    return quota !== undefined && period !== undefined && quota > 0 && period > 0 ? [quota / period] : [];
  });
  return quotas.length === 0 ? null : Math.min(...quotas);
}

function onlineCpus(host: string): number {
  const online = figureOf(`${host}/sys/devices/system/cpu`, 'online');
  // Where /sys is hidden, nothing shows that the CPUs are exclusive.
  return online === null ? 0 : parseCpus(online).length;
}
