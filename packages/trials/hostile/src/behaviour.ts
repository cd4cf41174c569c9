import type { LimitsRequest, RunStatus } from '@sandpiper/contracts';
import { has32BitCalls } from '@sandpiper/testkit';

/** What a run of a hostile program must come to. Texts are compared whole, expressions with a part. */
export interface Expectation {
  /** One of these. */
  readonly status: RunStatus | readonly RunStatus[];
  readonly exitCode?: number | null;
  readonly signal?: string;
  readonly stdout?: string | RegExp;
  readonly stderr?: string | RegExp;
  /** The reason that a person reads. */
  readonly message?: RegExp;
}

/** One hostile program, or one of several for a behaviour. */
export interface Attack {
  /** Tells it from the others of the behaviour; empty where it is the only one. */
  readonly name: string;
  /**
   * What the guest runs. Of the engine seccomp a file of programs/, or a text that begins with `attack `: a native attack and
   * its argument (packages/sandbox/guest/native/test/attacks.h). Of the engine rpython the commands of the C guest of the tests, one
   * a line (packages/sandbox/guest/native/test/translated_guest.c).
   */
  readonly program: string;
  readonly expect: Expectation;
  /** Under gVisor's kernel, where it ends otherwise and is contained all the same. */
  readonly onGvisor?: Expectation;
  readonly limits?: LimitsRequest;
  readonly args?: readonly string[];
  /** Variables beside those that every attack is given. */
  readonly env?: Readonly<Record<string, string>>;
  /** Further files of the run: name and text. */
  readonly files?: Readonly<Record<string, string>>;
  /** Runs unchanged in any Python 3, so in a real PyPy translated with `--sandbox` too. */
  readonly portable?: boolean;
  /** Only where guests start like that; elsewhere it means nothing. */
  readonly start?: 'cold' | 'warm';
  /** Run so often, one after the other. */
  readonly times?: number;
}

/** A test of another layer, where the behaviour belongs: its file, and its title or that of its group. */
export interface TestElsewhere {
  readonly file: string;
  readonly title: string;
}

/** One of the list that this corpus answers (docs/hostile.md). */
export interface Behaviour {
  readonly number: number;
  readonly title: string;
  /** Attacks for the engine, or why there is none. */
  readonly seccomp: readonly Attack[] | string;
  readonly rpython: readonly Attack[] | string;
  readonly elsewhere?: readonly TestElsewhere[];
}

export const MIB = 1024 * 1024;

/** For a system call of 32-bit code: the filter ends it. Where the kernel has none, it is a fault. */
export const IN_32_BIT: Expectation = has32BitCalls()
  ? { status: 'violation', exitCode: null, message: /system call of another architecture/ }
  : { status: 'runtime-error', exitCode: null, signal: 'SIGSEGV', stdout: '' };

/** Under gVisor, which makes no such call and goes on behind it. */
export const in32BitOnGvisor = (ending: Expectation): Expectation => (has32BitCalls() ? ending : IN_32_BIT);

/** For what is to be ended by a limit of time. */
export const SHORT = { cpuMs: 200, wallMs: 20_000 } as const;
/** For what is to be ended by a limit of elapsed time, and uses none. */
export const SHORT_WAIT = { cpuMs: 300, wallMs: 400 } as const;

/** An attack of that name that is refused whatever it asks for. */
export function nativeAttack(program: string, expect: Expectation, more: Partial<Attack> = {}): Attack {
  return { name: more.name ?? program, program: `attack ${program}`, expect, ...more };
}

export const OK = { status: 'ok', exitCode: 0 } as const;
