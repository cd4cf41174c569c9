// stands-alone.mjs [FOLDER]: fails when a tracked file of the repository (FOLDER, or the one that holds this script)
// names a path outside of it: by an import, by a URL relative to the file, by a link, by `../shared`, or by a symbolic
// link. A clone anywhere else has nothing beside it.
import { execFileSync } from 'node:child_process';
import { lstatSync, readFileSync, readlinkSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const top = resolve(process.argv[2] ?? fileURLToPath(new URL('../..', import.meta.url)));

/** How a file names another by a path relative to itself; the first group is the path. */
const REFERENCES = [
  /\bnew URL\(\s*['"`](\.{1,2}\/[^'"`$]*)/g,
  /\b(?:from|import|require)\s*\(?\s*['"](\.{1,2}\/[^'"]*)/g,
  /\b(?:join|resolve)\(\s*import\.meta\.dirname\s*,\s*['"`](\.{1,2}\/[^'"`$]*)/g,
  /"(?:path|extends|\$schema)":\s*"(\.{1,2}\/[^"]*)/g,
  /\]\((\.{1,2}\/[^)#\s]*)/g,
];
/** The folder beside the repository in which its makers keep notes: relative to anything, by any depth. */
const BESIDE = /(?:\.\.\/)+shared\b/g;

const outside = (file, path) => relative(top, resolve(top, dirname(file), path)).startsWith('..');

function complaintsOf(file) {
  const path = join(top, file);
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return []; // deleted and not yet committed
  if (stats.isSymbolicLink()) {
    const target = readlinkSync(path);
    return target.startsWith('/') || outside(file, target) ? [`${file}: a symbolic link to ${target}`] : [];
  }
  const bytes = readFileSync(path);
  if (bytes.includes(0)) return []; // compressed, or an image
  return bytes
    .toString('utf8')
    .split('\n')
    .flatMap((line, index) => {
      const named = REFERENCES.flatMap((pattern) => [...line.matchAll(pattern)].map((match) => match[1]));
      const wrong = named.filter((one) => outside(file, one));
      wrong.push(...[...line.matchAll(BESIDE)].map((match) => match[0]));
      return wrong.map((one) => `${file}:${index + 1}: ${one}`);
    });
}

/** Also what is new and will be tracked; without git (a release's archive) there is nothing to check. */
function trackedFiles() {
  const args = ['-C', top, 'ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  try {
    const files = execFileSync('git', args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      maxBuffer: 64 << 20,
    });
    return [...new Set(files.split('\0').filter((name) => name !== ''))];
  } catch {
    console.log('not a git checkout: no files to check');
    return [];
  }
}

// This check and its test are the two files that must name what is forbidden.
const ABOUT_IT = ['scripts/lib/stands-alone.mjs', 'packages/trials/testkit/test/stands-alone.test.ts'];
const complaints = trackedFiles()
  .filter((file) => !ABOUT_IT.includes(file))
  .flatMap(complaintsOf);
for (const line of complaints) console.error(line);
if (complaints.length > 0) {
  console.error(
    `${complaints.length} references to paths outside the repository: move what they name into it`,
  );
  process.exit(1);
}
