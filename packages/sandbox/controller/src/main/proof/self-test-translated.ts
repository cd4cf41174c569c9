import { textOf } from '@sandpiper/contracts';
import type { TranslatedInterpreter } from '../../crossing/engines.js';
import { type Check, ending, PATIENT, type SelfTestBench } from './self-test-bench.js';

/** Further checks of a node with a translated interpreter. Programs of the attacker are its commands. */
export function translatedChecks(interpreter: TranslatedInterpreter): readonly Check[] {
  return [
    // The configured interpreter: it starts, finds its library, and ends.
    ['translated interpreter', (bench) => bench.endsAs('ok', '', PATIENT, interpreter)],
    ['filter of a translated guest', refusesNativeCalls],
    [
      'calls of another mode of a translated guest',
      (bench) => bench.endsAs('violation', 'native x32', PATIENT, bench.attacker),
    ],
    [
      'CPU limit of a translated guest',
      (bench) => bench.endsAs('time-limit', 'spin', { ...PATIENT, cpuMs: 50 }, bench.attacker),
    ],
    ['memory limit of a translated guest', (bench) => bench.holdsMemory('grow 4000', bench.attacker)],
    [
      'wall limit of a translated guest',
      (bench) => bench.endsAs('wall-limit', 'sleep 3600000', { ...PATIENT, wallMs: 100 }, bench.attacker),
    ],
  ];
}

/**
 * Made natively by the attacker (packages/sandbox/guest/native/test/translated_hostile.c), with the filter's
 * answers. Without a filter each has another answer, and still does nothing: calls that fork or kill are left
 * to the tests.
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

/** The filter below a translation: nothing native but communication, computing and the end. */
async function refusesNativeCalls(bench: SelfTestBench): Promise<string | null> {
  const asked = calls(bench);
  const program = asked.map(([call]) => `native ${call}`).join('\n');
  const result = await bench.run(program, PATIENT, bench.attacker);
  if (result.status !== 'ok') return ending(result);
  const said = textOf(result, 'stdout').trim().split('\n');
  const expected = asked.map(([call, errno]) => `${call.split(' ', 1)[0] ?? ''} ${errno}`);
  const differs = expected.findIndex((line, i) => said[i] !== line);
  return differs < 0 ? null : `${said[differs] ?? 'nothing'}, where ${expected[differs] ?? ''} was expected`;
}
