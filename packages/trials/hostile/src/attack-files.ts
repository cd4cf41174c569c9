import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Attack } from './behaviour.js';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const ATTACKS = readFileSync(here('../../../sandbox/guest/native/build/attacks.so'));

export interface AttackFile {
  /** Its name in the folder of the run. */
  readonly name: string;
  readonly data: Buffer;
}

/**
 * The files of a run that attacks: its program first.
 * @param isStock the interpreter is the stock one, so native code comes as a library; else it is the C guest of the tests
 * @param own what this run alone is given, and no later one may know
 */
export function attackFiles(attack: Attack, isStock: boolean, own: string): AttackFile[] {
  const text = /^[\w-]+\.py$/.test(attack.program)
    ? readFileSync(here(`../programs/${attack.program}`))
    : Buffer.from(isStock ? nativeProgram(attack.program) : `${attack.program}\n`);
  return [
    { name: 'main.py', data: text },
    { name: 'given.txt', data: Buffer.from(own) },
    ...(isStock ? [{ name: 'attacks.so', data: ATTACKS }] : []),
    ...Object.entries(attack.files ?? {}).map(([name, data]) => ({ name, data: Buffer.from(data) })),
  ];
}

/** `attack NAME ARGUMENT`, as the C guest takes it, in Python. */
function nativeProgram(command: string): string {
  const [, name = '', argument = ''] = /^attack (\S+) ?(.*)$/.exec(command) ?? [];
  return [
    'import ctypes',
    `found = ctypes.CDLL("/box/attacks.so").attack(${JSON.stringify(name)}.encode(), ${JSON.stringify(argument)}.encode())`,
    `assert found == 0, "there is no such attack"`,
  ].join('\n');
}
