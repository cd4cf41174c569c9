import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { GradingReport, ProblemReport, SubmissionReport } from '../report.js';
import { type StudentRow, studentRows } from './class-view.js';
import { escapeHtml, scriptJson } from './escape-html.js';
import { type ExcerptOf, pageData, pointsText } from './page-data.js';
import { resultsPicture, timesPicture } from './pictures.js';

/** Found from src and from dist. */
const FOLDER = new URL('../../../page/', import.meta.url);

/**
 * One page that needs nothing else: the class as a table, and behind each student the tests, with what was expected and
 * what the program wrote. Text of guests is escaped or set as text; the policy of the page runs only its own script.
 */
export function htmlOf(report: GradingReport, excerptOf: ExcerptOf = () => null): string {
  const style = readFileSync(new URL('page.css', FOLDER), 'utf8');
  const script = readFileSync(new URL('page.js', FOLDER), 'utf8');
  const rows = studentRows(report);
  const title = titleOf(report);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src '${hashOf(style)}'; script-src '${hashOf(script)}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${escapeHtml(title)}</title>
<style>${style}</style>
</head>
<body>
<header><h1>${escapeHtml(title)}</h1>${notesOf(report)}</header>
<main>
${report.problems.map((problem) => problemSection(problem, report.problems.length > 1)).join('\n')}
${overview(report, rows)}
</main>
<noscript><p class="note">The table is complete; opening a student, searching and sorting need JavaScript.</p></noscript>
<script type="application/json" id="data">${scriptJson(pageData(report, rows, excerptOf))}</script>
<script>${script}</script>
</body>
</html>
`;
}

const hashOf = (text: string): string => `sha256-${createHash('sha256').update(text).digest('base64')}`;

const titleOf = ({ problems }: GradingReport): string =>
  problems.length === 1 ? (problems[0]?.name ?? '') : `${problems.length} problems`;

function notesOf({ isComplete, selection, problems }: GradingReport): string {
  const submissions = problems.flatMap((problem) => problem.submissions);
  const left = submissions.filter(({ verdict }) => verdict === null).length;
  const notes = [
    ...(isComplete
      ? []
      : [
          `Incomplete: judging was stopped, and ${left} of ${submissions.length} submissions have no verdict.`,
        ]),
    ...(selection.tests.length === 0 ? [] : [`Only these tests: ${selection.tests.join(' ')}`]),
    ...(selection.submissions.length === 0
      ? []
      : [`Only these submissions: ${selection.submissions.join(' ')}`]),
  ];
  return notes.map((note) => `<p class="note">${escapeHtml(note)}</p>`).join('');
}

/** @param isNamed whether the page has others too: the only one is its title */
function problemSection(problem: ProblemReport, isNamed: boolean): string {
  const { name, submissions, limits, timeLimitNote, isScoring } = problem;
  const accepted = submissions.filter(({ verdict }) => verdict === 'AC').length;
  const scores = submissions.flatMap(({ score }) => (score === null ? [] : [score]));
  const facts = [
    `${submissions.length} submission${submissions.length === 1 ? '' : 's'}`,
    `${accepted} accepted`,
    ...(isScoring && scores.length > 0
      ? [
          `mean ${pointsText(scores.reduce((sum, score) => sum + score, 0) / scores.length, problem.maxScore)} points`,
        ]
      : []),
    ...(limits.cpuMs === undefined ? [] : [`${Number((limits.cpuMs / 1000).toFixed(3))} s`]),
    ...(limits.memoryBytes === undefined ? [] : [`${Math.round(limits.memoryBytes / 2 ** 20)} MiB`]),
  ];
  const note = timeLimitNote === null ? '' : `<p class="facts">${escapeHtml(timeLimitNote)}</p>`;
  return `<section class="problem">${isNamed ? `<h2>${escapeHtml(name)}</h2>` : ''}<p class="facts">${escapeHtml(facts.join(' · '))}</p>${note}
<div class="pictures">${resultsPicture(problem)}${timesPicture(problem)}</div></section>`;
}

function overview(report: GradingReport, rows: readonly StudentRow[]): string {
  const { problems } = report;
  const isScoring = problems.some((problem) => problem.isScoring);
  const columns = [
    'Student',
    ...problems.map(({ name }) => name),
    'Solved',
    ...(isScoring ? ['Points'] : []),
  ];
  const heads = columns.map(
    (name, n) =>
      `<th scope="col"${n > problems.length ? ' class="number"' : ''}><button type="button" class="sort" data-column="${n}">${escapeHtml(name)}</button></th>`,
  );
  return `<section class="class"><h2>Students</h2>
<div id="filters" role="search" hidden><label>Search <input id="search" type="search" autocomplete="off"></label>
<label>Verdict <select id="verdict"><option value="">any</option></select></label>
<label>Problem <select id="problem"><option value="">any</option></select></label><output id="shown" aria-live="polite"></output></div>
<div class="scroll" tabindex="0" role="region" aria-label="Students"><table id="students"><thead><tr>${heads.join('')}</tr></thead>
<tbody>
${rows.map((row, n) => rowOf(report, row, n, isScoring)).join('\n')}
</tbody></table></div></section>`;
}

function rowOf(
  { problems }: GradingReport,
  { name, cells }: StudentRow,
  n: number,
  isScoring: boolean,
): string {
  const submissions = cells.map((index, problem) =>
    index === null ? null : (problems[problem]?.submissions[index] ?? null),
  );
  const solved = submissions.filter((one) => one?.verdict === 'AC').length;
  const points = submissions.reduce((sum, one) => sum + (one?.score ?? 0), 0);
  const totals = [String(solved), ...(isScoring ? [String(Number(points.toFixed(2)))] : [])];
  return (
    `<tr data-row="${n}"><th scope="row"><button type="button" class="open" aria-expanded="false">${escapeHtml(short(name))}</button></th>` +
    submissions.map(cellOf).join('') +
    totals.map((total) => `<td class="number">${total}</td>`).join('') +
    '</tr>'
  );
}

function cellOf(submission: SubmissionReport | null): string {
  if (submission === null) return '<td class="v-missing">–</td>';
  const { verdict, score, maxScore, passed, total, mismatch, isCloseToLimit } = submission;
  const detail = score === null ? `${passed}/${total}` : pointsText(score, maxScore);
  const marks = [
    ...(mismatch === null ? [] : ['<span class="mark" title="not as expected">!</span>']),
    ...(isCloseToLimit ? ['<span class="mark" title="close to the time limit">◷</span>'] : []),
  ];
  const name = verdict ?? 'none';
  return `<td><span class="verdict v-${name.toLowerCase()}">${name}</span> <span class="detail">${detail}</span>${marks.join('')}</td>`;
}

const short = (name: string): string => (name.length <= 80 ? name : `${name.slice(0, 77)}...`);
