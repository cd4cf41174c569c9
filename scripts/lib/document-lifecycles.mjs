// document-lifecycles.mjs [--check]: writes docs/lifecycles.md by trying every event in every state of the lifecycles, or says
// whether it is what they would make of it.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { LIFECYCLES } from '../../services/worker/dist/lifecycles/catalogue.js';

const page = new URL('../../docs/lifecycles.md', import.meta.url);

const MEANING = {
  node: 'A worker node. It is ready only while it is `serving`.',
  cell: 'One cell from its start to its end. After a death the supervisor builds a new one.',
  run: 'One attempt at a run on one node. It begins with what Redis says of the run that was taken, and ends when the result is written or the run is given back.',
  'supervised child': 'A cell as its supervisor sees it.',
};

const unique = (list) => [...new Set(list)];
const isLast = (edges, kind) =>
  edges.filter(({ from }) => from.kind === kind).every(({ from, to }) => from === to);
const isNothing = ({ from, to, effects }) => from.kind === to.kind && effects.length === 0;
const isSame = ({ from, to }) => JSON.stringify(from) === JSON.stringify(to);
// Mermaid takes no hyphen in the name of a state.
const idOf = (kind) => kind.replaceAll('-', '_');
const effectsOf = ({ effects }) => effects.map(({ type }) => type).join(', ');

function diagram(edges) {
  const kinds = unique(edges.map(({ from }) => from.kind));
  const arrows = edges
    .filter((edge) => !isNothing(edge))
    .map((edge) => {
      const doing = edge.effects.length === 0 ? '' : ` / ${effectsOf(edge)}`;
      return `  ${idOf(edge.from.kind)} --> ${idOf(edge.to.kind)} : ${edge.event.type}${doing}`;
    });
  return [
    '```mermaid',
    'stateDiagram-v2',
    ...kinds.filter((kind) => kind !== idOf(kind)).map((kind) => `  state "${kind}" as ${idOf(kind)}`),
    `  [*] --> ${idOf(kinds[0])}`,
    ...unique(arrows),
    ...kinds.filter((kind) => isLast(edges, kind)).map((kind) => `  ${idOf(kind)} --> [*]`),
    '```',
  ].join('\n');
}

function table(edges) {
  const kinds = unique(edges.map(({ from }) => from.kind)).filter((kind) => !isLast(edges, kind));
  const outcome = (edge) => {
    if (isNothing(edge)) return isSame(edge) ? '' : 'noted';
    const doing = edge.effects.length === 0 ? '' : ` (${effectsOf(edge)})`;
    return `${edge.to.kind === edge.from.kind ? 'stays' : `**${edge.to.kind}**`}${doing}`;
  };
  const cell = (type, kind) =>
    unique(edges.filter((edge) => edge.event.type === type && edge.from.kind === kind).map(outcome))
      .filter((text) => text !== '')
      .join('; ');
  return [
    `| event in state | ${kinds.join(' | ')} |`,
    `| --- |${' --- |'.repeat(kinds.length)}`,
    ...unique(edges.map(({ event }) => event.type)).map(
      (type) => `| ${type} | ${kinds.map((kind) => cell(type, kind)).join(' | ')} |`,
    ),
  ].join('\n');
}

function chapter({ name, source, edges }) {
  const all = edges();
  return `## ${name[0].toUpperCase()}${name.slice(1)}

${MEANING[name]} Source: \`${source}\`.

${diagram(all)}

${table(all)}
`;
}

const text = `# Lifecycles

For maintainers of the worker: the states of node, cell and run. Made by
\`node scripts/lib/document-lifecycles.mjs\`, which tries every event in every reachable state of the functions
that the worker runs on.

An arrow says *event / effects*. In the tables, an empty field is an event that is ignored in that state, and
*noted* one that the state only remembers. Where a field has several answers, the data of the state or the event
decides. The last state of each lifecycle ignores every event.

${LIFECYCLES.map(chapter).join('\n')}`;

if (process.argv[2] === '--check') {
  if (existsSync(page) && readFileSync(page, 'utf8') === text) process.exit(0);
  console.error(
    'docs/lifecycles.md is not what the lifecycles do: run node scripts/lib/document-lifecycles.mjs',
  );
  process.exit(1);
}
writeFileSync(page, text);
