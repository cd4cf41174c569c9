import { completeLimits } from '@sandpiper/contracts';
import type { HostCheck } from '../proof/host-check.js';
import { cellsFor, cpuShare, namesCpus } from './cpus.js';
import { largestMemoryLimit, type MemoryShare, memoryShare } from './memory.js';

const MIB = 1024 * 1024;

/** For `sandpiper doctor`: how a node would use this host's CPUs and memory. */
export function shareChecks(host = ''): HostCheck[] {
  const cpus = cpuShare(host);
  const memory = memoryShare(host);
  const cells = cellsFor(cpus);
  const quota = cpus.quota === null ? 'no quota' : `a quota of ${cpus.quota}`;
  const pin = !namesCpus(host)
    ? 'the kernel does not tell which, so no cell is pinned'
    : cpus.exclusive
      ? 'exclusive, so each cell is pinned to one'
      : 'shared, so no cell is pinned';
  const bound = memory.boundBy === null ? 'of the host' : `by ${memory.boundBy}`;
  const trouble = endsAsWhole(memory);
  return [
    absent('CPUs', true, `${cpus.allowed.length} allowed, ${quota}: ${cells} cells by default; ${pin}`, null),
    absent(
      'memory of a node',
      largestMemoryLimit(memory.bytes, cells) >= completeLimits({}).memoryBytes,
      `${inMiB(memory.bytes)} ${bound}: with ${cells} cells, memory limits up to ${inMiB(largestMemoryLimit(memory.bytes, cells))}`,
      'give the node more memory, or fewer cells (SANDPIPER_CELLS)',
    ),
    ...(trouble === null ? [] : [absent('memory.oom.group', false, trouble.what, trouble.remedy)]),
  ];
}

/** The part of /readyz's warnings that concerns the host; `bytes` is the memory that the node plans with. */
export function memoryWarnings(bytes: number, cells: number, host = ''): string[] {
  const trouble = endsAsWhole(memoryShare(host));
  const largest = largestMemoryLimit(bytes, cells);
  const usual = completeLimits({}).memoryBytes;
  return [
    ...(trouble === null ? [] : [`${trouble.what}: ${trouble.remedy}`]),
    ...(largest >= usual
      ? []
      : [
          `a cell can enforce memory limits up to ${inMiB(largest)}, less than the default of ${inMiB(usual)}: runs above it are ` +
            'refused; give the node more memory, or fewer cells (SANDPIPER_CELLS)',
        ]),
  ];
}

function endsAsWhole({ endsAsWhole: group }: MemoryShare): { what: string; remedy: string } | null {
  if (group === null) return null;
  return {
    what: `${group} has memory.oom.group: when its memory runs out, the kernel ends the whole node instead of one guest`,
    remedy:
      'start the kubelet with singleProcessOOMKill: true (Kubernetes 1.32 and newer), or write 0 to memory.oom.group',
  };
}

function absent(name: string, ok: boolean, detail: string, fix: string | null): HostCheck {
  return { name, ok, required: false, detail, fix };
}

function inMiB(bytes: number): string {
  return `${Math.floor(bytes / MIB)} MiB`;
}
