// document-filter.mjs [--check]: writes docs/filter.md from the rows of the filter's policy, or says whether it is what
// they would make of it.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const page = new URL('../../docs/filter.md', import.meta.url);
const program = fileURLToPath(
  new URL('../../packages/sandbox/guest/native/build/try-syscall', import.meta.url),
);

const FILTERS = [
  ['guest', 'A stock interpreter, started or forked'],
  ['virtual-time', 'The same in a deterministic run'],
  ['parent', 'The parent of the fork server, which runs no line of any program'],
  ['translated', 'A PyPy translated with `--sandbox`'],
];

const rows = execFileSync(program, ['--policy'], { encoding: 'utf8' })
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => {
    const [filters, call, conditions, action, otherwise, why] = line.split('\t');
    return { filters: filters.split(','), call, conditions, action, otherwise, why };
  });

const cell = (text) => text.replaceAll('|', '\\|');

function section([filter, title]) {
  const own = rows.filter((row) => row.filters.includes(filter));
  const lines = own.map(({ call, conditions, action, otherwise, why }) => {
    const name = call === 'every other' ? 'every other call' : call === 'x32' ? 'all of x32' : `\`${call}\``;
    const answer = otherwise === '' ? action : `${action}, else ${otherwise}`;
    return `| ${name} | ${cell(conditions)} | ${answer} | ${cell(why)} |`;
  });
  return [`## ${title}`, '', '| call | if | answer | why |', '| --- | --- | --- | --- |', ...lines].join(
    '\n',
  );
}

const text = `# What the filter lets through

For auditors and maintainers: every system call that a guest can make natively, and why. Made by
\`node scripts/lib/document-filter.mjs\` from the rows from which the filter is compiled
(\`packages/sandbox/guest/native/shim/policy.c\`).

- **allow**: the kernel executes it.
- **trap**: the kernel does not execute it; the shim sends it to the controller, whose virtual kernel answers
  ([docs/system-calls.md](system-calls.md)).
- **kill**: the kernel kills the process.
- the name of an error: the kernel does not execute it, and the call fails with that error.

A call with a row whose conditions do not all hold gets the answer after "else", or, without one, the answer of
every other call. Conditions compare all 64 bits of an argument. The gate is one instruction of the shim
(\`arch_x86_64.S\`). A call of another architecture (\`int 0x80\`, 32-bit code) kills the process, whatever its
number.

A forked child has the filter of a guest on top of its parent's, and the stricter answer of the two applies.

Since Linux 6.14 the kernel consults no filter for \`uretprobe\` (335), and since 6.18 for \`uprobe\` (336). It
executes them only from a page that it has mapped into a process that is being probed, and answers any other use
by SIGILL and ENXIO.

${FILTERS.map(section).join('\n\n')}
`;

if (process.argv[2] === '--check') {
  if (existsSync(page) && readFileSync(page, 'utf8') === text) process.exit(0);
  console.error('docs/filter.md is not what the policy says: run node scripts/lib/document-filter.mjs');
  process.exit(1);
}
writeFileSync(page, text);
