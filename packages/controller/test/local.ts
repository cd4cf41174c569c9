import { DEFAULT_LIMITS, type LimitsRequest, type RunResult } from '@sandpiper/contracts';
import type { Cell } from '@sandpiper/controller';

let count = 0;

/** Runs a program's text in a cell, output captured. */
export function runSource(
  cell: Cell,
  source: string,
  more: { limits?: LimitsRequest; stdin?: string | Buffer; args?: string[]; id?: string } = {},
): Promise<RunResult> {
  const given = Object.fromEntries(
    Object.entries(more.limits ?? {}).filter(([, value]) => value !== undefined),
  );
  return cell.runJob({
    id: more.id ?? `test-${++count}`,
    attempt: 1,
    interpreter: { engine: 'seccomp' },
    programPath: 'main.py',
    args: more.args ?? [],
    env: {},
    folder: '/box',
    files: [{ path: '/box/main.py', data: Buffer.from(source) }],
    mounts: [],
    stdin: { kind: 'buffer', data: Buffer.from(more.stdin ?? '') },
    output: 'capture',
    tracePath: null,
    deterministic: null,
    outputs: [],
    limits: { ...DEFAULT_LIMITS, ...given },
  });
}
