// Grades every problem package below the given folders on its own submissions, and compares verdicts with expectations.
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const HELP = `Usage: scripts/judge-packages FOLDER... [-- options of sandpiper grade]

Grades every folder with a problem.yaml below each FOLDER with "sandpiper grade", and prints one line for each: how many
of its submissions match the verdicts that the package expects, or why it was not judged. Each difference follows on a line.
SANDPIPER_SERVER names a running service; without it each package starts one of its own.

  scripts/judge-packages ../problems -- --compile

Exit code: 0 when every judged submission is as expected, 1 when one is not, 2 when no package is found.
`;

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** One package. */
const TIMEOUT_MS = 30 * 60_000;
const MAX_DEPTH = 8;

const words = process.argv.slice(2);
const split = words.includes('--') ? words.indexOf('--') : words.length;
const folders = words.slice(0, split);
const options = words.slice(split + 1);
if (folders.length === 0 || folders.includes('--help') || folders.includes('-h')) {
  process.stdout.write(HELP);
  process.exit(folders.length === 0 ? 2 : 0);
}

/**
 * @param {string} folder
 * @returns {Promise<string[]>} folders with a problem.yaml
 */
async function packagesBelow(folder, depth = 0) {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  if (entries.some((entry) => entry.name === 'problem.yaml' && entry.isFile())) return [folder];
  if (depth >= MAX_DEPTH) return [];
  const below = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'));
  const found = [];
  for (const { name } of below.sort((a, b) => (a.name < b.name ? -1 : 1)))
    found.push(...(await packagesBelow(join(folder, name), depth + 1)));
  return found;
}

/**
 * @param {string} folder
 * @param {string} json
 * @returns {Promise<{ code: number, stderr: string }>}
 */
function grade(folder, json) {
  return new Promise((resolve) => {
    execFile(
      join(ROOT, 'sandpiper'),
      ['grade', folder, '--json', json, ...options],
      { timeout: TIMEOUT_MS, maxBuffer: 64 * 1024 * 1024 },
      (error, _stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
        resolve({ code, stderr });
      },
    );
  });
}

/**
 * What came of one package.
 * @param {string} folder
 * @param {string} scratch
 */
async function judge(folder, scratch) {
  const json = join(scratch, 'report.json');
  await rm(json, { force: true });
  const { code, stderr } = await grade(folder, json);
  const text = await readFile(json, 'utf8').catch(() => null);
  if (text === null) {
    const why = stderr
      .split('\n')
      .filter((line) => line.startsWith('sandpiper: ') && !/files? (is|are) ignored|runs done/.test(line))
      .at(-1);
    return { refused: (why ?? `exit code ${code}`).replace('sandpiper: ', '').replaceAll(`${folder}/`, '') };
  }
  const submissions = JSON.parse(text).problems.flatMap((problem) => problem.submissions);
  const expected = submissions.filter((one) => one.expected !== null);
  return {
    expected: expected.length,
    right: expected.filter((one) => one.mismatch === null).length,
    others: submissions.length - expected.length,
    differences: expected
      .filter((one) => one.mismatch !== null)
      .map((one) => `${one.label}: ${one.verdict}: ${one.mismatch}`),
  };
}

const scratch = await mkdtemp(join(tmpdir(), 'judge-packages-'));
const totals = { judged: 0, refused: 0, without: 0, expected: 0, right: 0 };
try {
  for (const top of folders) {
    for (const folder of await packagesBelow(top)) {
      const name = relative(dirname(top), folder) || basename(folder);
      const found = await judge(folder, scratch);
      if (found.refused?.endsWith('its package has none in Python')) {
        totals.without++;
        console.log(`${name.padEnd(52)} nothing  its package has no submission in Python`);
        continue;
      }
      if (found.refused !== undefined) {
        totals.refused++;
        console.log(`${name.padEnd(52)} refused  ${found.refused}`);
        continue;
      }
      totals.judged++;
      totals.expected += found.expected;
      totals.right += found.right;
      const others = found.others === 0 ? '' : ` and ${found.others} without an expected verdict`;
      console.log(`${name.padEnd(52)} judged   ${found.right} of ${found.expected}${others}`);
      for (const line of found.differences) console.log(`  unexpected: ${line}`);
    }
  }
} finally {
  await rm(scratch, { recursive: true, force: true });
}
console.log(
  `${totals.judged + totals.refused + totals.without} packages: ${totals.judged} judged, ${totals.refused} refused, ` +
    `${totals.without} without a submission in Python; ${totals.right} of ${totals.expected} submissions as expected`,
);
if (totals.judged + totals.refused + totals.without === 0) process.exit(2);
process.exit(totals.right === totals.expected ? 0 : 1);
