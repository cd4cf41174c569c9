import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FigureFile } from '../crossing/figure-file.js';
import { groupChain } from '../crossing/groups.js';

/** What the host did to everybody on it, counted from its start; null where its kernel does not tell. Microseconds. */
export interface HostPressure {
  /** Nobody in the system could go on for want of memory (PSI, Documentation/accounting/psi.rst). */
  readonly memoryUs: number | null;
  /** The node's own control group was kept from running by its quota (cpu.stat). */
  readonly throttledUs: number | null;
  /** How many processes the kernel has ended for want of memory, in the node's groups or, where there are none, on the host. */
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

/** A guest waits for its controller with each call, and for the CPU until that one sleeps: that is no sign of others. */
const WAIT_PER_CALL_MS = 0.02;
/** What is taken for chance: milliseconds, and the part of the CPU time. */
const CHANCE_MS = 20;
const CHANCE_PART = 0.1;

export interface Measured {
  readonly cpuMs: number;
  readonly wallMs: number;
  readonly syscalls: number;
  /** Milliseconds that the guest could have run and had no CPU; null where nobody can tell. */
  readonly waitMs: number | null;
}

/** Why times of a run are not to be trusted, in one line; null when they are. */
export function unreliability(run: Measured, before: HostPressure, after: HostPressure): string | null {
  const throttled = (difference(before.throttledUs, after.throttledUs) ?? 0) / 1000;
  if (throttled > 0) return `the node was throttled for ${Math.ceil(throttled)} ms`;
  const waited = (run.waitMs ?? 0) - run.syscalls * WAIT_PER_CALL_MS;
  if (waited > CHANCE_MS && waited > CHANCE_PART * run.cpuMs) {
    return `others had the CPU for ${Math.ceil(waited)} ms while the program could have run`;
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
 * Version 2 counts in each group what was ended in those below: the highest that is visible knows of all. Version 1 counts in
 * the group of what was ended alone.
 */
function killFiles(): string[] {
  const chain = groupChain('memory');
  const name = chain?.version === 2 ? 'memory.events' : 'memory.oom_control';
  const paths = (chain?.directories ?? []).map((directory) => join(directory, name)).filter(existsSync);
  const counting = chain?.version === 2 ? paths.slice(-1) : paths;
  return counting.length > 0 ? counting : ['/proc/vmstat'];
}

/** Whether the kernel has ended a process for want of memory between the two. */
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
    return null; // not there, or not for us
  }
}

function read(file: FigureFile | null): string {
  try {
    return file?.read() ?? '';
  } catch {
    return ''; // PSI that the kernel has, but does not count
  }
}

function figureOf(text: string, form: RegExp): number | null {
  const figure = form.exec(text)?.[1];
  return figure === undefined ? null : Number(figure);
}
