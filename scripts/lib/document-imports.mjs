// document-imports.mjs [--check]: writes docs/imports.md, the imports between our packages as the sources have them; with
// --check it only says whether the page is up to date. Fails when scripts/lib/wings.cjs allows an edge that nothing uses.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const { MAY_IMPORT, folderOf } = createRequire(import.meta.url)('./wings.cjs');
const top = fileURLToPath(new URL('../..', import.meta.url));
const page = new URL('../../docs/imports.md', import.meta.url);

const names = Object.keys(MAY_IMPORT);
const shortOf = (name) => name.split('/')[1];
const nameOf = new Map(names.map((name) => [shortOf(name), name]));

/** The packages of ours that the sources of one import. */
function importsOf(name) {
  const folder = join(top, folderOf(name), 'src');
  const files = readdirSync(folder, { recursive: true }).filter((file) => file.endsWith('.ts'));
  const found = files.flatMap((file) =>
    [...readFileSync(join(folder, file), 'utf8').matchAll(/\bfrom '@sandpiper\/([\w-]+)(?:\/[\w-]+)?'/g)].map(
      ([, short]) => nameOf.get(short) ?? `(unknown) ${short}`,
    ),
  );
  return [...new Set(found)].toSorted();
}

const edges = new Map(names.map((name) => [name, importsOf(name)]));
const unused = names.flatMap((name) =>
  MAY_IMPORT[name].filter((other) => !edges.get(name).includes(other)).map((other) => `${name} -> ${other}`),
);
if (unused.length > 0) {
  console.error(`scripts/lib/wings.cjs allows what nothing uses: ${unused.join(', ')}`);
  process.exit(1);
}

const wingOf = (name) => name.split('/')[0];
const wings = [...new Set(names.map(wingOf))];
const drawing = [
  'flowchart BT',
  ...wings.flatMap((wing) => [
    `  subgraph ${wing}`,
    ...names.filter((name) => wingOf(name) === wing).map((name) => `    ${shortOf(name)}`),
    '  end',
  ]),
  ...names.flatMap((name) => edges.get(name).map((other) => `  ${shortOf(name)} --> ${shortOf(other)}`)),
];
const arrows = [...edges.values()].flat().length;
const text = `# Imports between packages

For those who change the code. Made by \`node scripts/lib/document-imports.mjs\` from the imports of the sources;
\`scripts/lib/wings.cjs\` says which are allowed, and \`pnpm run imports\` fails on any other. An arrow leads from a package
to one that it imports. There are ${names.length} packages and ${arrows} arrows, and none leads back.

\`\`\`mermaid
${drawing.join('\n')}
\`\`\`
`;

if (process.argv.includes('--check')) {
  if (readFileSync(page, 'utf8') !== text) {
    console.error('docs/imports.md is out of date: run node scripts/lib/document-imports.mjs');
    process.exit(1);
  }
} else {
  writeFileSync(page, text);
}
