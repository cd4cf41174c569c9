import type { How, SandboxedEnd } from './cell-side.js';
import { type BareEnd, firstDifference, type Part, type ProgramEnd, shownDifference } from './ended.js';
import type { ProgramCase } from './programs.js';

/** What came of a program, and what each kind means in a report. */
export const KINDS = {
  identical: 'the same output and exit code',
  'left out': 'not run: names processes, sockets or the removal of files',
  endless: 'not compared: bare it outlives the patience',
  large: 'not compared: bare it prints more than 16 MiB',
  random: 'not compared: differs from itself, bare',
  refused: 'asks for what no program gets, as the result says',
  limit: 'ended by a limit of the sandbox',
  module: 'imports a module of this host that the sandbox does not show',
  unsteady: 'differed once and not again',
  stdout: 'its standard output differs',
  'exit code': 'its exit code differs',
  stderr: 'its standard error alone differs',
  fault: 'the sandbox failed',
} as const;
export type Kind = keyof typeof KINDS;

/** Those that say nothing of the sandbox. */
export const NOT_COMPARED: ReadonlySet<Kind> = new Set<Kind>(['left out', 'endless', 'large', 'random']);
/** Those that nobody has to look into. */
const EXPLAINED: ReadonlySet<Kind> = new Set<Kind>([
  ...NOT_COMPARED,
  'identical',
  'refused',
  'limit',
  'module',
]);

export const isExplained = (kind: Kind): boolean => EXPLAINED.has(kind);

export interface CorpusJudgement {
  readonly kind: Kind;
  /** One line; empty where the kind says all. */
  readonly detail: string;
  readonly bareMs: number;
  readonly sandboxMs: number;
  readonly start: string;
}

/** The two ways to run a program. */
export interface Contenders {
  bare(programCase: ProgramCase): Promise<BareEnd>;
  sandboxed(programCase: ProgramCase, bareMs: number): Promise<SandboxedEnd>;
  readonly how: How;
}

/** Runs a program on both sides, and again where they differ. */
export async function judgeProgram(
  programCase: ProgramCase,
  contenders: Contenders,
): Promise<CorpusJudgement> {
  const bare = await contenders.bare(programCase);
  const told = { bareMs: Math.round(bare.ms), sandboxMs: 0, start: contenders.how as string };
  if (bare.cut !== null) return { ...told, kind: bare.cut === 'too long' ? 'endless' : 'large', detail: '' };
  const sandboxed = await contenders.sandboxed(programCase, bare.ms);
  const all = { ...told, sandboxMs: Math.round(sandboxed.ms), start: sandboxed.start };
  const part = firstDifference(bare, sandboxed);
  if (part === null) return { ...all, kind: 'identical', detail: '' };
  const again = await contenders.bare(programCase);
  if (again.cut !== null) return { ...all, kind: 'endless', detail: 'at the second time' };
  const itself = firstDifference(bare, again);
  if (itself !== null) return { ...all, kind: 'random', detail: itself };
  return { ...all, ...(await explain(programCase, part, bare, sandboxed, contenders)) };
}

async function explain(
  programCase: ProgramCase,
  part: Part,
  bare: BareEnd,
  sandboxed: SandboxedEnd,
  contenders: Contenders,
): Promise<Pick<CorpusJudgement, 'kind' | 'detail'>> {
  const shown = shownDifference(part, bare, sandboxed);
  if (sandboxed.refused.length > 0) return { kind: 'refused', detail: sandboxed.refused.join(' and ') };
  if (sandboxed.status.endsWith('-limit')) return { kind: 'limit', detail: `${sandboxed.status}; ${shown}` };
  const missing = missingModule(sandboxed) ?? '';
  if (missing !== '' && missingModule(bare) !== missing) return { kind: 'module', detail: missing };
  const again = await contenders.sandboxed(programCase, bare.ms);
  return { kind: firstDifference(bare, again) === null ? 'unsteady' : part, detail: shown };
}

/** The module for want of which a program ended. */
function missingModule({ stderr }: ProgramEnd): string | null {
  return /^ModuleNotFoundError: No module named '([^'\n]*)'\s*$/m.exec(stderr)?.[1] ?? null;
}
