// compare-verdicts.mjs REPORT EXPECTED: checks that every submission has the verdict in EXPECTED.
// REPORT is what `sandpiper grade --json` wrote; EXPECTED is {problem: {submission: verdict}}.
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

const [reportFile, expectedFile] = process.argv.slice(2);
const report = JSON.parse(readFileSync(reportFile, 'utf8'));
const expected = JSON.parse(readFileSync(expectedFile, 'utf8'));

const given = new Map();
for (const problem of report.problems) {
  for (const submission of problem.submissions) {
    given.set(`${basename(problem.path)}/${submission.label}`, submission.verdict);
  }
}

const foretold = Object.entries(expected).flatMap(([problem, verdicts]) =>
  Object.entries(verdicts).map(([label, verdict]) => [`${problem}/${label}`, verdict]),
);
const wrong = foretold.filter(([name, verdict]) => given.get(name) !== verdict);
for (const [name, verdict] of wrong) {
  console.error(`${name}: expected ${verdict}, got ${given.get(name) ?? 'nothing'}`);
}
const foretoldNames = new Set(foretold.map(([name]) => name));
const unknown = [...given.keys()].filter((name) => !foretoldNames.has(name));
for (const name of unknown) console.error(`${name}: no verdict is foretold for it`);

if (wrong.length + unknown.length > 0) {
  console.error(`demo: ${wrong.length} of ${foretold.length} verdicts are not the expected ones`);
  process.exit(1);
}
console.log(`All ${foretold.length} verdicts are the expected ones.`);
