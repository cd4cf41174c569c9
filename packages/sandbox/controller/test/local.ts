import { DEFAULT_LIMITS, type LimitsRequest, type RunResult } from '@sandpiper/contracts';
import {
  Cell,
  DEFAULT_PROFILE,
  type Determinism,
  type Interpreter,
  type LiveStreams,
} from '@sandpiper/controller';

/** For vi.waitUntil: how long a test waits for something that takes milliseconds on an idle host. */
export const PATIENCE = { timeout: 30_000, interval: 10 };

/** A cell whose guests start cold, and one that forks them. The caller closes both. */
export async function startBothCells(): Promise<readonly [cold: Cell, forking: Cell]> {
  const place = { cpu: null, node: null, rpython: null };
  return [
    await Cell.start({ ...place, id: 0 }),
    await Cell.start({ ...place, id: 1, profile: DEFAULT_PROFILE }),
  ];
}

let count = 0;

export interface SourceRun {
  readonly limits?: LimitsRequest;
  readonly stdin?: string | Buffer;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly accept?: { readonly weakerLimits: boolean };
  /** Beside the program: path to content. */
  readonly files?: Readonly<Record<string, string | Buffer>>;
  /** Replaces main.py. */
  readonly programPath?: string;
  readonly id?: string;
  readonly interpreter?: Interpreter;
  readonly deterministic?: Determinism;
  readonly tracePath?: string;
  readonly outputs?: readonly string[];
}

/** Runs a program's text in a cell, output captured. */
export function runSource(
  cell: Cell,
  source: string,
  more: SourceRun = {},
  streams: LiveStreams | null = null,
): Promise<RunResult> {
  const given = Object.fromEntries(
    Object.entries(more.limits ?? {}).filter(([, value]) => value !== undefined),
  );
  return cell.runJob(
    {
      id: more.id ?? `test-${++count}`,
      attempt: 1,
      interpreter: more.interpreter ?? { engine: 'seccomp' },
      programPath: more.programPath ?? 'main.py',
      args: more.args ?? [],
      env: more.env ?? {},
      folder: '/box',
      files: Object.entries({ 'main.py': source, ...more.files }).map(([name, data]) => ({
        path: `/box/${name}`,
        data: Buffer.from(data),
      })),
      mounts: [],
      ...(more.accept === undefined ? {} : { accept: more.accept }),
      stdin: streams === null ? { kind: 'buffer', data: Buffer.from(more.stdin ?? '') } : { kind: 'live' },
      output: streams === null ? 'capture' : 'live',
      tracePath: more.tracePath ?? null,
      deterministic: more.deterministic ?? null,
      outputs: more.outputs ?? [],
      limits: { ...DEFAULT_LIMITS, ...given },
    },
    streams,
  );
}
