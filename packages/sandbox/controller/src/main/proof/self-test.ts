import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { firstLine, messageOf, textOf } from '@sandpiper/contracts';
import { Cell } from '../cell/cell.js';
import type { TranslatedInterpreter } from '../../crossing/engines.js';
import { DEFAULT_RUNTIME, type Runtime } from '../../crossing/runtime.js';
import { type Check, ending, PATIENT, SelfTestBench } from './self-test-bench.js';
import { BOMB, HOSTILE, HOSTILE_CALLS, OTHER_MODE, SLEEP, SPIN } from './self-test-programs.js';
import { translatedChecks } from './self-test-translated.js';

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

/** All of it takes a second or two. A broken sandbox may hang: then the test is ended, milliseconds. */
const DEADLINE_MS = 60_000;

/**
 * Runs a small hostile set in a cell of its own, cold and forked: calls that must not reach the host's
 * kernel, and programs that their limits must end. A node with a translated interpreter tries its filter and
 * limits too. Never rejects: what cannot even start has failed.
 */
export async function selfTest(
  rpython: TranslatedInterpreter | null,
  signal?: AbortSignal,
  runtime: Runtime = DEFAULT_RUNTIME,
): Promise<SelfTestReport> {
  const startedAt = performance.now();
  const checks: SelfTestCheck[] = [];
  const folder = mkdtempSync(join(tmpdir(), 'sandpiper-self-test-'));
  let cell: Cell | null = null;
  const stop = (): void => void cell?.close();
  signal?.addEventListener('abort', stop);
  const late = setTimeout(stop, DEADLINE_MS);
  try {
    cell = await Cell.start({
      id: null,
      cpu: null,
      node: null,
      rpython: null,
      runtimes: [runtime],
      profile: [],
    });
    if (signal?.aborted === true) stop();
    const bench = new SelfTestBench(cell, folder, { engine: 'seccomp', runtime });
    const all = [...CHECKS, ...(rpython === null ? [] : translatedChecks(rpython))];
    for (const [name, check] of all) checks.push({ name, failure: await settled(check(bench)) });
  } catch (error) {
    checks.push({ name: 'a cell', failure: lineOf(error) });
  } finally {
    clearTimeout(late);
    signal?.removeEventListener('abort', stop);
    await cell?.close().catch(() => undefined);
    rmSync(folder, { recursive: true, force: true });
  }
  const passed = checks.every(({ failure }) => failure === null);
  return { checks, passed, tookMs: performance.now() - startedAt };
}

const CHECKS: readonly Check[] = [
  ['filter of a forked guest', (bench) => refusesCalls(bench, 'forked')],
  ['filter of a started guest', (bench) => refusesCalls(bench, 'cold')],
  ['calls of another mode', (bench) => bench.endsAs('violation', OTHER_MODE, PATIENT)],
  ['CPU limit', (bench) => bench.endsAs('time-limit', SPIN, { ...PATIENT, cpuMs: 50 })],
  ['memory limit', (bench) => bench.holdsMemory(BOMB)],
  ['wall limit', (bench) => bench.endsAs('wall-limit', SLEEP, { ...PATIENT, wallMs: 100 })],
];

async function refusesCalls(bench: SelfTestBench, start: 'forked' | 'cold'): Promise<string | null> {
  const result = await bench.run(HOSTILE, PATIENT, bench.stock, start);
  if (bench.foundOnHost()) return 'a program made a file on the host';
  if (result.status !== 'ok') return ending(result);
  if (result.start !== start)
    return `the guest was expected to start ${start}, not ${result.start ?? 'unknown'}`;
  const said = textOf(result, 'stdout').trim().split('\n');
  const expected = ['host file -2', ...HOSTILE_CALLS.map(([, , answer]) => String(answer))];
  const names = ['a file of the host', ...HOSTILE_CALLS.map(([name]) => name)];
  const differs = expected.findIndex((answer, i) => said[i] !== answer);
  if (differs < 0) return null;
  return `${names[differs]}: answered ${said[differs] ?? 'nothing'}, not ${expected[differs]}`;
}

async function settled(check: Promise<string | null>): Promise<string | null> {
  try {
    return await check;
  } catch (error) {
    return lineOf(error);
  }
}

const lineOf = (error: unknown): string => firstLine(messageOf(error)).slice(0, 200);
