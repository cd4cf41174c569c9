import type { Interpreter } from './engines.js';
import { ending, PATIENT, type SelfTestBench } from './self-test-bench.js';

/**
 * Made natively by the attacker (packages/guest/native/test/translated_guest.c), with what the filter answers. Where none stands
 * in the way, each has another answer, and still does nothing: what forks or kills is for the tests.
 */
function calls({ canary }: SelfTestBench): readonly (readonly [call: string, errno: string])[] {
  return [
    [`open-file ${canary}`, 'ENOENT'],
    [`openat-file ${canary}`, 'ENOENT'],
    ['socket', 'EPERM'],
    ['map-file', 'EPERM'],
    ['dup', 'EPERM'],
    ['ptrace', 'EPERM'],
    ['prctl', 'EPERM'],
    ['read-other', 'EPERM'],
    ['write-other', 'EPERM'],
    ['write-stdin', 'EPERM'],
    ['clone-wrongly', 'EPERM'],
    ['execve-nothing', 'EPERM'],
    ['signal-nothing', 'EPERM'],
    ['io-uring-nothing', 'EPERM'],
  ];
}

/** The filter that stands below a translation: nothing natively but talk, computing and the end. */
export async function refusesNativeCalls(bench: SelfTestBench): Promise<string | null> {
  const asked = calls(bench);
  const program = asked.map(([call]) => `native ${call}`).join('\n');
  const result = await bench.run(program, PATIENT, bench.attacker);
  if (result.status !== 'ok') return ending(result);
  const said = result.stdout.trim().split('\n');
  const expected = asked.map(([call, errno]) => `${call.split(' ', 1)[0] ?? ''} ${errno}`);
  const differs = expected.findIndex((line, i) => said[i] !== line);
  return differs < 0 ? null : `${said[differs] ?? 'nothing'}, where ${expected[differs] ?? ''} was expected`;
}

/** The interpreter that runs will have: it starts, finds its library, and ends. */
export function starts(bench: SelfTestBench, interpreter: Interpreter): Promise<string | null> {
  return bench.endsAs('ok', '', PATIENT, interpreter);
}
