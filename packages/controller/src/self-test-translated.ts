import type { Interpreter } from './engines.js';
import { ending, PATIENT, type SelfTestBench } from './self-test-bench.js';

/**
 * What the filter under a translated interpreter lets through, by number: the rows of docs/filter.md. A survey makes all others
 * with arguments of nothing.
 */
const LET_THROUGH = new Set([0, 1, 9, 10, 11, 12, 13, 14, 15, 25, 28, 39, 60, 186, 202, 219, 231, 234]);

/** Made natively by the attacker (packages/guest/native/test/translated_guest.c), and what each must be answered. */
const CALLS: readonly (readonly [name: string, errno: string])[] = [
  ['openat', 'ENOENT'],
  ['open', 'ENOENT'],
  ['create', 'ENOENT'],
  ...[
    'socket',
    'fork',
    'clone',
    'execve',
    'kill-init',
    'map-file',
    'dup',
    'ptrace',
    'prctl',
    'read-other',
    'write-other',
    'write-stdin',
  ].map((name) => [name, 'EPERM'] as const),
];

/** The filter that stands below a translation: nothing natively but talk, computing and the end. */
export async function refusesNativeCalls(bench: SelfTestBench): Promise<string | null> {
  const program = [...CALLS.map(([name]) => `native ${name}`), 'survey'].join('\n');
  const result = await bench.run(program, PATIENT, bench.attacker);
  if (result.status !== 'ok') return ending(result);
  const said = result.stdout.trim().split('\n');
  for (const [i, [name, errno]] of CALLS.entries())
    if (said[i] !== `${name} ${errno}`) return `${said[i] ?? 'nothing'}, where ${name} ${errno} was expected`;
  const open = said.slice(CALLS.length).find((number) => !LET_THROUGH.has(Number(number)));
  return open === undefined ? null : `call ${open} was not refused`;
}

/** The interpreter that runs will have: it starts, finds its library, and ends. */
export function starts(bench: SelfTestBench, interpreter: Interpreter): Promise<string | null> {
  return bench.endsAs('ok', '', PATIENT, interpreter);
}
