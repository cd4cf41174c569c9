import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { WAIT_PER_CALL_MS } from '@sandpiper/contracts';
import { FigureFile } from '../crossing/figure-file.js';
import { groupChain } from '../crossing/groups.js';

/** Pressure on the whole host, since its boot; null where its kernel does not report it. Microseconds. */
export interface HostPressure {
  /** No task in the system could continue for lack of memory (PSI, Documentation/accounting/psi.rst). */
  readonly memoryUs: number | null;
  /** The quota of the node's own control group throttled it (cpu.stat). */
  readonly throttledUs: number | null;
  /**
   * Processes that the kernel ended for lack of memory, in the node's groups or, without groups, on the host.
   */
  readonly oomKills: number | null;
}

export function hostPressure(): HostPressure {
  files ??= {
    memory: openFigures('/proc/pressure/memory'),
    cpu: openFigures(cpuStat()),
    kills: killFiles().flatMap((path) => openFigures(path) ?? []),
  };
  return {
    memoryUs: figureOf(read(files.memory), /^full .* total=(\d+)$/m),
    throttledUs: throttledUs(read(files.cpu)),
    oomKills: sumOf(files.kills.map((file) => figureOf(read(file), /^oom_kill (\d+)$/m))),
  };
}

/** Tolerance for chance: milliseconds, and a share of the CPU time. */
const CHANCE_MS = 20;
const CHANCE_PART = 0.1;

export interface MeasuredRun {
  readonly cpuMs: number;
  readonly wallMs: number;
  readonly syscalls: number;
  /** Milliseconds that the guest could have run but had no CPU; null where unknown. */
  readonly waitMs: number | null;
}

/** Why a run's times are unreliable, in one line; null when they are reliable. */
export function unreliability(run: MeasuredRun, before: HostPressure, after: HostPressure): string | null {
  const throttled = (difference(before.throttledUs, after.throttledUs) ?? 0) / 1000;
  if (throttled > 0) return `the node was throttled for ${Math.ceil(throttled)} ms`;
  const waited = (run.waitMs ?? 0) - run.syscalls * WAIT_PER_CALL_MS;
  if (waited > CHANCE_MS && waited > CHANCE_PART * run.cpuMs) {
    return `other processes held the CPU for ${Math.ceil(waited)} ms while the program could have run`;
  }
  const starved = (difference(before.memoryUs, after.memoryUs) ?? 0) / 1000;
  if (starved > CHANCE_MS && starved > CHANCE_PART * run.wallMs) {
    return `the host was short of memory for ${Math.ceil(starved)} ms`;
  }
  return null;
}

function difference(before: number | null, after: number | null): number | null {
  return before === null || after === null ? null : after - before;
}

function throttledUs(stat: string): number | null {
  const v2 = figureOf(stat, /^throttled_usec (\d+)$/m);
  if (v2 !== null) return v2;
  const v1 = figureOf(stat, /^throttled_time (\d+)$/m);
  return v1 === null ? null : v1 / 1000;
}

let files: {
  readonly memory: FigureFile | null;
  readonly cpu: FigureFile | null;
  readonly kills: readonly FigureFile[];
} | null = null;

/**
 * Version 2 counts kills in a group and in those above it: the highest visible group knows all. Version 1
 * counts only in the killed process's own group.
 */
function killFiles(): string[] {
  const chain = groupChain('memory');
  const name = chain?.version === 2 ? 'memory.events' : 'memory.oom_control';
  const paths = (chain?.directories ?? []).map((directory) => join(directory, name)).filter(existsSync);
  const counting = chain?.version === 2 ? paths.slice(-1) : paths;
  return counting.length > 0 ? counting : ['/proc/vmstat'];
}

/** Whether the kernel ended a process for lack of memory between the two. */
export function wasShortOfMemory(before: HostPressure, after: HostPressure): boolean {
  return (difference(before.oomKills, after.oomKills) ?? 0) > 0;
}

function sumOf(figures: readonly (number | null)[]): number | null {
  const known = figures.filter((figure) => figure !== null);
  return known.length === 0 ? null : known.reduce((sum, figure) => sum + figure, 0);
}

/** cpu.stat of the control group that this process is in (cgroups(7)). */
function cpuStat(): string | null {
  const groups = readFileSync('/proc/self/cgroup', 'latin1');
  const v1 = /^\d+:(?:[^:]*,)?cpu(?:,[^:]*)?:(.*)$/m.exec(groups)?.[1];
  const v2 = /^0::(.*)$/m.exec(groups)?.[1];
  const candidates = [
    ...(v1 === undefined ? [] : [join('/sys/fs/cgroup/cpu', v1, 'cpu.stat')]),
    ...(v2 === undefined ? [] : [join('/sys/fs/cgroup', v2, 'cpu.stat')]),
  ];
  return candidates.find((path) => existsSync(path)) ?? null;
}

function openFigures(path: string | null): FigureFile | null {
  try {
    return path === null ? null : new FigureFile(path);
  } catch {
    return null; // missing or not readable
  }
}

function read(file: FigureFile | null): string {
  try {
    return file?.read() ?? '';
  } catch {
    return ''; // PSI is compiled in, but disabled
  }
}

function figureOf(text: string, form: RegExp): number | null {
  const figure = form.exec(text)?.[1];
  return figure === undefined ? null : Number(figure);
}
