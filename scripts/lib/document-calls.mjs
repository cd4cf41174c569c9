// document-calls.mjs [--check]: writes docs/system-calls.md from the tables of the virtual kernel, or says whether it is
// what they would make of it.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { errnoName } from '../../packages/sandbox/abi/dist/index.js';
import { libcSurface, linuxSurface } from '../../packages/sandbox/kernel/dist/index.js';

const page = new URL('../../docs/system-calls.md', import.meta.url);

const LEVELS = ['supported', 'partial', 'denied', 'native'];

function describe({ level, ...more }) {
  if (level === 'supported') return 'supported';
  if (level === 'partial') return `partial: ${more.note}`;
  if (level === 'native') return `native: ${more.note}`;
  return `denied: ${errnoName(more.errno)}${more.note === undefined ? '' : `, ${more.note}`}`;
}

function table(surface, title) {
  const rows = [...surface.rows.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  const counts = LEVELS.map(
    (level) => `${rows.filter((row) => row.support.level === level).length} ${level}`,
  );
  return [
    `${rows.length} calls: ${counts.join(', ')}. Every other call fails with ${errnoName(surface.unknown)}.`,
    '',
    `| ${title} | |`,
    '| --- | --- |',
    ...rows.map((row) => `| \`${row.key}\` | ${describe(row.support)} |`),
  ].join('\n');
}

const text = `# What the virtual kernel answers

For users who want to know why a call of their program failed, and for maintainers. Made by
\`node scripts/lib/document-calls.mjs\` from the tables in which the kernel looks up calls
(\`packages/sandbox/kernel/src/surfaces\`).

- **supported**: behaves as its manual page says.
- **partial**: behaves as its manual page says, except for the note.
- **denied**: always fails with that error. It is counted and named in the result (\`deniedCalls\`), like every
  unknown call.
- **native**: does not reach the virtual kernel: the filter lets it through, or the guest answers it itself.

Outside of deterministic runs the guest answers some supported calls itself too: \`getpid\`, \`gettid\`, \`getppid\`,
\`getpgrp\`, \`getuid\`, \`geteuid\`, \`getgid\` and \`getegid\`, which no trace shows and \`syscalls\` does not count; and
\`getrandom\` of at most 256 bytes, which shows as one call for 4 KiB. Captured output and small pieces of files may come
late or be read ahead, which \`syscalls\` counts as the calls that they are
([decision 22](decisions/0022-calls-without-an-answer.md)).

## System calls of Linux x86-64: the engine \`seccomp\`

${table(linuxSurface, 'system call')}

## Functions of the C library: the engine \`rpython\`

Every function that the dumps of two real interpreters name (PyPy 2.7 and PyPy 3.6), by its signature in the
protocol (\`i\` integer, \`p\` pointer, \`v\` nothing).

${table(libcSurface, 'function')}
`;

if (process.argv[2] === '--check') {
  if (existsSync(page) && readFileSync(page, 'utf8') === text) process.exit(0);
  console.error('docs/system-calls.md is not what the tables say: run node scripts/lib/document-calls.mjs');
  process.exit(1);
}
writeFileSync(page, text);
