import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { completeLimits, type LimitsRequest, type RunResult, type RunStatus } from '@sandpiper/contracts';
import { type CgroupPlace, cgroupPlace } from '@sandpiper/guest';
import { Cell } from './cell.js';
import { RUN_FOLDER } from './job.js';
import { BOMB, HOSTILE, HOSTILE_CALLS, OTHER_MODE, SLEEP, SPIN } from './self-test-programs.js';

interface SelfTestCheck {
  readonly name: string;
  /** Null when it passed; else one line. */
  readonly failure: string | null;
}

export interface SelfTestReport {
  readonly checks: readonly SelfTestCheck[];
  readonly passed: boolean;
  /** Elapsed, milliseconds. */
  readonly tookMs: number;
}

const MIB = 1024 * 1024;

/** All of it takes a second or two. What holds nothing may hang: then it is ended, milliseconds. */
const DEADLINE_MS = 60_000;

/** Of what ends by itself. A machine that is busy shall not look as one that is open. */
const PATIENT: LimitsRequest = { cpuMs: 10_000, wallMs: 20_000, memoryBytes: 64 * MIB };

/** Memory that holders of the limit say they hold it with, by what the host lends. */
const HOLDERS = { v1: 'cgroup-v1', v2: 'cgroup-v2', none: 'keeper-watch' } as const;

/**
 * Runs a small hostile set in a cell of its own, started and forked: calls that must not reach the host's kernel, and programs
 * that must end by their limits. Never rejects: what cannot even start has failed.
 */
export async function selfTest(signal?: AbortSignal): Promise<SelfTestReport> {
  const startedAt = performance.now();
  const checks: SelfTestCheck[] = [];
  const folder = mkdtempSync(join(tmpdir(), 'sandpiper-self-test-'));
  let cell: Cell | null = null;
  const stop = (): void => void cell?.close();
  signal?.addEventListener('abort', stop);
  const late = setTimeout(stop, DEADLINE_MS);
  try {
    cell = await Cell.start({ id: null, cpu: null, node: null, rpython: null, profile: [] });
    if (signal?.aborted === true) stop();
    const bench = new Bench(cell, folder);
    for (const [name, check] of CHECKS) checks.push({ name, failure: await settled(check(bench)) });
  } catch (error) {
    checks.push({ name: 'a cell', failure: firstLine(error) });
  } finally {
    clearTimeout(late);
    signal?.removeEventListener('abort', stop);
    await cell?.close().catch(() => undefined);
    rmSync(folder, { recursive: true, force: true });
  }
  const passed = checks.every(({ failure }) => failure === null);
  return { checks, passed, tookMs: performance.now() - startedAt };
}

type Check = (bench: Bench) => Promise<string | null>;

const CHECKS: readonly (readonly [string, Check])[] = [
  ['filter of a forked guest', (bench) => refusesCalls(bench, 'forked')],
  ['filter of a started guest', (bench) => refusesCalls(bench, 'cold')],
  ['calls of another mode', (bench) => endsAs(bench, OTHER_MODE, PATIENT, 'violation')],
  ['CPU limit', (bench) => endsAs(bench, SPIN, { ...PATIENT, cpuMs: 50 }, 'time-limit')],
  ['memory limit', holdsMemory],
  ['wall limit', (bench) => endsAs(bench, SLEEP, { ...PATIENT, wallMs: 100 }, 'wall-limit')],
];

/** The cell that runs the programs, and a file beside it that no program may find. */
class Bench {
  readonly canary: string;
  /** Is not there, unless a program has made it. */
  readonly absent: string;

  constructor(
    private readonly cell: Cell,
    folder: string,
  ) {
    // Nothing but the sandbox is to keep it from the guests, who are nobody when we are root.
    chmodSync(folder, 0o755);
    this.canary = join(folder, 'canary');
    writeFileSync(this.canary, randomBytes(16).toString('hex'), { mode: 0o644 });
    this.absent = join('/tmp', `sandpiper-self-test-${randomBytes(8).toString('hex')}`);
  }

  run(source: string, limits: LimitsRequest, start: 'forked' | 'cold' = 'forked'): Promise<RunResult> {
    return this.cell.runJob({
      id: 'self-test',
      attempt: 1,
      interpreter: { engine: 'seccomp' },
      programPath: 'main.py',
      args: [this.canary, this.absent],
      // A variable that an interpreter obeys at its start is nothing for a fork.
      env: start === 'cold' ? { PYTHONDONTWRITEBYTECODE: '1' } : {},
      folder: RUN_FOLDER,
      files: [{ path: `${RUN_FOLDER}/main.py`, data: Buffer.from(source) }],
      mounts: [],
      stdin: { kind: 'buffer', data: Buffer.alloc(0) },
      output: 'capture',
      tracePath: null,
      deterministic: null,
      outputs: [],
      limits: completeLimits(limits),
    });
  }
}

async function refusesCalls(bench: Bench, start: 'forked' | 'cold'): Promise<string | null> {
  const result = await bench.run(HOSTILE, PATIENT, start);
  if (existsSync(bench.absent)) {
    rmSync(bench.absent, { force: true });
    return 'a file that a program made is on the host';
  }
  if (result.status !== 'ok') return ending(result);
  if (result.start !== start) return `the guest was not ${start}, but ${result.start ?? 'started somehow'}`;
  const said = result.stdout.trim().split('\n');
  const expected = ['host file -2', ...HOSTILE_CALLS.map(([, , answer]) => String(answer))];
  const names = ['a file of the host', ...HOSTILE_CALLS.map(([name]) => name)];
  const differs = expected.findIndex((answer, i) => said[i] !== answer);
  if (differs < 0) return null;
  return `${names[differs]}: answered ${said[differs] ?? 'nothing'}, not ${expected[differs]}`;
}

async function endsAs(
  bench: Bench,
  source: string,
  limits: LimitsRequest,
  status: RunStatus,
): Promise<string | null> {
  const result = await bench.run(source, limits);
  return result.status === status ? null : `${ending(result)}, not ${status}`;
}

/** By whom this host says that it is held. */
async function holdsMemory(bench: Bench): Promise<string | null> {
  const result = await bench.run(BOMB, { ...PATIENT, memoryBytes: 16 * MIB });
  if (result.status !== 'memory-limit') return `${ending(result)}, not memory-limit`;
  const place: CgroupPlace = cgroupPlace();
  const holder = HOLDERS[place.kind];
  const { memory } = result.enforcement;
  return memory === holder ? null : `held by ${memory}, where it should be ${holder}`;
}

function ending({ status, message }: RunResult): string {
  return message === null ? status : `${status} (${message})`;
}

async function settled(check: Promise<string | null>): Promise<string | null> {
  try {
    return await check;
  } catch (error) {
    return firstLine(error);
  }
}

function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split('\n', 1)[0]?.slice(0, 200) ?? '';
}
