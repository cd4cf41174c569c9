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
    `${rows.length} calls: ${counts.join(', ')}. Every other gets ${errnoName(surface.unknown)}.`,
    '',
    `| ${title} | |`,
    '| --- | --- |',
    ...rows.map((row) => `| \`${row.key}\` | ${describe(row.support)} |`),
  ].join('\n');
}

const text = `# What the virtual kernel answers

Made by \`node scripts/lib/document-calls.mjs\` from the tables that the kernel itself looks calls up in
(\`packages/sandbox/kernel/src/surfaces\`).

- **supported**: as its manual page says.
- **partial**: as its manual page says but for the note.
- **denied**: always fails with that error; counted, and named in the result (\`deniedCalls\`), like every unknown call.
- **native**: does not reach the kernel of ours: the filter lets it through, or the guest answers it itself.

## System calls of Linux x86-64: the engine \`seccomp\`

${table(linuxSurface, 'system call')}

## Functions of the C library: the engine \`rpython\`

All that the dumps of two real interpreters name, PyPy 2.7 and PyPy 3.6, by the signature that stands on the wire
(\`i\` integer, \`p\` pointer, \`v\` nothing).

${table(libcSurface, 'function')}
`;

if (process.argv[2] === '--check') {
  if (existsSync(page) && readFileSync(page, 'utf8') === text) process.exit(0);
  console.error('docs/system-calls.md is not what the tables say: run node scripts/lib/document-calls.mjs');
  process.exit(1);
}
writeFileSync(page, text);
