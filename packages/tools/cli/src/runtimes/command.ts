import type { RuntimeFacts } from '@sandpiper/controller/runtimes';
import { EXIT } from '../exit-codes.js';
import { escapeForTerminal } from '../terminal/escape.js';
import { type Column, renderTable } from '../terminal/table.js';
import { knownRuntimes, runtimeNamed, runtimesFile } from './runtime-options.js';

export interface RuntimesOptions {
  json?: boolean;
}

/** `sandpiper runtimes`: what each runtime of this host is. Returns 1 where one is not right. */
export async function runtimesCommand(options: RuntimesOptions): Promise<number> {
  const { inspectRuntime } = await import('@sandpiper/controller/runtimes');
  const facts: RuntimeFacts[] = [];
  for (const runtime of await knownRuntimes()) facts.push(await inspectRuntime(runtime));
  process.stdout.write(
    options.json === true ? `${JSON.stringify({ version: 1, runtimes: facts }, null, 2)}\n` : render(facts),
  );
  return facts.every(({ problem }) => problem === null) ? EXIT.ok : EXIT.failed;
}

/** `sandpiper runtimes check NAME`: tries one. Returns 1 where something is not as it must be. */
export async function checkCommand(name: string): Promise<number> {
  const { checkRuntime } = await import('@sandpiper/controller/runtimes');
  let failures = 0;
  for await (const { name: what, ok, detail } of checkRuntime(await runtimeNamed(name))) {
    process.stdout.write(`${ok ? 'ok    ' : 'WRONG '} ${what}: ${escapeForTerminal(detail)}\n`);
    if (!ok) failures++;
  }
  process.stdout.write(failures === 0 ? 'This runtime is right.\n' : `${failures} of the checks failed.\n`);
  return failures === 0 ? EXIT.ok : EXIT.failed;
}

const COLUMNS: readonly Column<RuntimeFacts>[] = [
  { head: 'runtime', align: 'left', cell: ({ name }) => name },
  {
    head: 'Python',
    align: 'left',
    cell: ({ implementation, version }) => `${implementation ?? '-'} ${version ?? ''}`.trim(),
  },
  {
    head: 'interpreter',
    align: 'left',
    atLeast: 20,
    keepsEnd: () => true,
    cell: ({ root, interpreter }) =>
      escapeForTerminal(root === null ? interpreter : `${root}:${interpreter}`),
  },
  { head: 'libraries', align: 'right', cell: ({ libraries }) => String(libraries.length) },
];

/** Names that fit into a line; the JSON has all. */
const NAMES_SHOWN = 12;

function render(facts: readonly RuntimeFacts[]): string {
  const width = process.stdout.isTTY ? process.stdout.columns : Number.POSITIVE_INFINITY;
  const table = renderTable(COLUMNS, facts, { width, isColoured: false });
  const below = facts.map((one) => {
    if (one.problem !== null) return `${one.name}: ${escapeForTerminal(one.problem)}\n`;
    const names = one.libraries.slice(0, NAMES_SHOWN).map(({ name, version }) => `${name} ${version}`);
    const more = one.libraries.length - names.length;
    if (names.length === 0) return '';
    return `${one.name}: ${escapeForTerminal(names.join(', '))}${more > 0 ? `, and ${more} more` : ''}\n`;
  });
  const file = runtimesFile();
  const hint = file === null ? 'No file describes others: see docs/runtimes.md.\n' : '';
  return `${table}\n${below.join('')}${hint}`;
}
