import { AT, errnoName } from '@sandpiper/abi';
import type { Call } from './call.js';
import type { CallOutcome } from './types.js';

/** One call as strace(1) would show it. Shows strings only where the call read them. */
export function traceLine(call: Call, outcome: CallOutcome): string {
  const args = call.args.map((value) => {
    const text = call.strings.get(value);
    if (text !== undefined) return quote(text);
    // A C int in a register of 64 bits
    if (value === AT.FDCWD || value === 2 ** 32 + AT.FDCWD) return 'AT_FDCWD';
    return Math.abs(value) >= 65536
      ? `0x${(value < 0 ? value + 2 ** 32 : value).toString(16)}`
      : String(value);
  });
  const [name] = call.name.split('(', 1);
  return `${name}(${args.join(', ')}) = ${resultOf(outcome)}`;
}

function resultOf(outcome: CallOutcome): string {
  switch (outcome.kind) {
    case 'return':
      return Math.abs(outcome.value) >= 65536 ? `0x${outcome.value.toString(16)}` : String(outcome.value);
    case 'error':
      return `-1 ${errnoName(outcome.errno)}`;
    case 'exit':
      return `? (exited with ${outcome.code})`;
    case 'signal':
      return `? (killed by signal ${outcome.signal})`;
    case 'limit':
      return `? (limit reached: ${outcome.limit})`;
    case 'violation':
      return '? (malformed call)';
  }
}

/** Bytes as a C string, truncated as strace does; without anything that a terminal would interpret. */
function quote(text: string): string {
  const shown = text.slice(0, 256);
  const escaped = shown.replace(/[^\x20-\x7e]|["\\]/g, (c) =>
    c === '"' || c === '\\' ? `\\${c}` : `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
  return `"${escaped}"${text.length > shown.length ? '...' : ''}`;
}
