import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { firstLine } from '@sandpiper/contracts';
import { type CgroupFolder, cgroupFolder, nativePartsExist, PYPY3_PATH } from '@sandpiper/guest';
import type { TranslatedInterpreter } from '../../crossing/engines.js';
import { checkDeterministic } from './deterministic-check.js';
import type { HostCheck } from './host-check.js';
import { cpuTickMs } from '../../crossing/cpu-clock.js';
import { guestChecks } from './guest-checks.js';
import { checkHashing, checkNode } from './node-version.js';
import { programOnPath } from './program-on-path.js';
import { assertProgram } from '../../crossing/interpreter-files.js';
import { selfTest } from './self-test.js';
import { shareChecks } from '../share/checks.js';
import { cpuShare, namesCpus } from '../share/cpus.js';

export interface HostReport {
  readonly checks: readonly HostCheck[];
}

/** The CPUs that this process may use (Cpus_allowed_list of proc(5)), which a container may have narrowed. */
export function availableCpus(): readonly number[] {
  return cpuShare().allowed;
}

/**
 * The CPU that the calling thread is on, where the scheduler found room for it (proc(5): `processor` in
 * stat); null where it is unknown. A cell that is pinned there answers calls in a sixth of the time.
 */
export function currentCpu(): number | null {
  try {
    if (!namesCpus()) return null;
    const stat = readFileSync('/proc/thread-self/stat', 'latin1');
    // The name, in parentheses, may hold anything: fields are counted from behind it, the state being the
    // third.
    const cpu = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[36]);
    return Number.isInteger(cpu) && availableCpus().includes(cpu) ? cpu : null;
  } catch {
    return null;
  }
}

/**
 * What this host has and lacks, and whether its sandbox holds: the checks of a node before it takes runs.
 * Covers a translated interpreter too, where one is given.
 */
export async function inspectHost(rpython: TranslatedInterpreter | null): Promise<HostReport> {
  const checks = hostChecks();
  // What is missing cannot be tried.
  return {
    checks: checks.every(({ ok, required }) => ok || !required)
      ? [...checks, await checkDeterministic(), await checkSelf(rpython)]
      : checks,
  };
}

async function checkSelf(rpython: TranslatedInterpreter | null): Promise<HostCheck> {
  const { checks, passed, tookMs } = await selfTest(rpython);
  const failures = checks.flatMap(({ name, failure }) => (failure === null ? [] : [`${name}: ${failure}`]));
  const names = checks.map(({ name }) => name).join(', ');
  const detail = passed ? `${names}: passed in ${(tookMs / 1000).toFixed(1)} s` : failures.join('; ');
  return { name: 'self-test', ok: passed, required: true, detail, fix: null };
}

function hostChecks(): HostCheck[] {
  return [
    checkPlatform(),
    checkNode(),
    checkHashing(),
    checkInterpreter(),
    checkProgram(
      'redis-server',
      programOnPath('redis-server'),
      ['--version'],
      false,
      'apt-get install redis-server',
    ),
    checkNative(),
    checkSeccomp(),
    checkOpenFiles(),
    ...checkMechanisms(),
    ...shareChecks(),
    ...guestChecks(),
  ];
}

function checkPlatform(): HostCheck {
  const ok = process.platform === 'linux' && process.arch === 'x64';
  const detail = `${process.platform} ${process.arch}`;
  return {
    name: 'platform',
    ok,
    required: true,
    detail: ok ? detail : `${detail}; Linux on x86-64 is required`,
    fix: null,
  };
}

/** Asking for its version runs it outside the sandbox, so the file is checked first. */
function checkInterpreter(): HostCheck {
  const fix = 'apt-get install pypy3';
  try {
    if (existsSync(PYPY3_PATH)) assertProgram(PYPY3_PATH);
  } catch (error) {
    return { name: 'pypy3', ok: false, required: true, detail: (error as Error).message, fix };
  }
  return checkProgram('pypy3', PYPY3_PATH, ['--version'], true, fix);
}

function checkProgram(
  name: string,
  path: string | null,
  args: string[],
  required: boolean,
  fix: string,
): HostCheck {
  if (path === null || !existsSync(path)) {
    return { name, ok: false, required, detail: 'not installed', fix };
  }
  try {
    const said = execFileSync(path, args, {
      encoding: 'utf8',
      timeout: 10_000,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return { name, ok: true, required, detail: `${path}: ${said.trim().split('\n').at(-1)}`, fix: null };
  } catch (error) {
    return {
      name,
      ok: false,
      required,
      detail: `${path} does not run: ${firstLine((error as Error).message)}`,
      fix,
    };
  }
}

function checkNative(): HostCheck {
  const ok = nativePartsExist();
  const detail = ok ? 'built' : 'not built';
  return { name: 'keeper and shim', ok, required: true, detail, fix: ok ? null : './scripts/setup' };
}

function checkSeccomp(): HostCheck {
  const path = '/proc/sys/kernel/seccomp/actions_avail';
  if (!existsSync(path)) {
    const detail =
      'the kernel does not list its seccomp actions (actions_avail); the self-test tries the filter';
    return { name: 'seccomp', ok: true, required: true, detail, fix: null };
  }
  const actions = readFileSync(path, 'latin1').trim();
  const ok = ['kill_process', 'trap', 'errno', 'allow'].every((action) =>
    actions.split(' ').includes(action),
  );
  const detail = ok ? 'filters with trap and kill_process' : 'the kernel has no seccomp filters';
  return {
    name: 'seccomp',
    ok,
    required: true,
    detail,
    fix: ok ? null : 'boot a kernel with CONFIG_SECCOMP_FILTER',
  };
}

function checkOpenFiles(): HostCheck {
  const text = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1] ?? '0';
  const ok = text === 'unlimited' || Number(text) >= 8192;
  return {
    name: 'open files',
    ok,
    required: true,
    detail: `hard limit ${text}`,
    fix: ok ? null : 'ulimit -Hn 8192',
  };
}

function checkMechanisms(): HostCheck[] {
  const held = 'the keeper enforces CPU and elapsed time: clocks, with rlimits behind them';
  const tick = cpuTickMs();
  const counted = `; this kernel counts CPU time in ticks of ${tick} ms: a program that waits at each tick is charged less, and ends by its wall limit`;
  return [
    { name: 'limits', ok: true, required: true, detail: tick === 0 ? held : held + counted, fix: null },
    { name: 'memory', required: true, ...memoryHeldBy() },
    checkWaits(),
  ];
}

/** Without it nothing shows that a program was ready to run while other processes held its CPU. */
function checkWaits(): HostCheck {
  const ok = existsSync('/proc/self/schedstat');
  const detail = ok
    ? 'measured (schedstat)'
    : 'unknown to this kernel (no schedstat): no result is marked unreliable because others held its CPU';
  return { name: 'waits for a CPU', ok, required: false, detail, fix: null };
}

function memoryHeldBy(): Pick<HostCheck, 'ok' | 'detail' | 'fix'> {
  let folder: CgroupFolder;
  try {
    folder = cgroupFolder();
  } catch (error) {
    return { ok: false, detail: (error as Error).message, fix: 'unset SANDPIPER_CGROUPS' };
  }
  if (folder.kind !== 'none') {
    return { ok: true, detail: `enforced by cgroup ${folder.kind}, in ${folder.directory}`, fix: null };
  }
  const detail = `enforced by the keeper, which checks every 4 ms; no control groups: ${folder.why}`;
  return { ok: true, detail, fix: null };
}
