// test-mutations.mjs [--bits] [--tests] [--sample N] [--only TEXT]: see scripts/test-mutations.
import { execFile, execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify, parseArgs } from 'node:util';
import { has32BitCalls } from '../../packages/trials/testkit/dist/calls-of-32-bits.js';
import { CheckoutCopy } from '../../packages/trials/testkit/dist/checkout-copy.js';
import { PATCHES } from './filter-patches.mjs';

const { values: options } = parseArgs({
  options: {
    bits: { type: 'boolean' },
    tests: { type: 'boolean' },
    sample: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
  },
});

const top = fileURLToPath(new URL('../..', import.meta.url));
const native = join(top, 'packages/sandbox/guest/native');
const build = join(native, 'build');
const mutantsFolder = join(build, 'mutants');

/** The tests with real interpreters that have to do with the filter. */
const TESTS = [
  'packages/sandbox/controller/test/lock-down',
  'packages/sandbox/controller/test/fork-server',
  'packages/sandbox/controller/test/rpython.guest',
  'packages/sandbox/controller/test/deterministic',
];

/** How long one mutant may take, milliseconds: one that blocks a guest is waited for five seconds at a time. */
const TRY_MS = 120_000;
const TESTS_MS = 600_000;

const run = promisify(execFile);

/** @typedef {{ what: string, subjects: string[], make: (to: string) => void }} Mutant */

/** Changes of the rows: one file that was built for it, with a number in it. */
function rowMutants() {
  const mutate = join(mutantsFolder, 'mutate');
  const list = execFileSync(mutate, ['--list', ...(options.bits ? ['--bits'] : [])], { encoding: 'utf8' });
  return list
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [number, subjects, what] = line.split('\t');
      const make = (to) => execFileSync(mutate, [number, join(mutantsFolder, 'shim.so'), to]);
      return { what, subjects: subjects.split(' '), make };
    });
}

/** Changes of the text of the compiler: built from a copy. */
function patchMutants() {
  const has32 = has32BitCalls();
  const shown = PATCHES.filter(({ what, needs32 }) => {
    const isHidden = needs32 === true && !has32;
    if (isHidden) console.log(`skipped, as this kernel has no calls of 32-bit code: ${what}`);
    return !isHidden;
  });
  return shown.map(({ what, file, find, replace, subjects }) => ({
    what,
    subjects,
    make: (to) => {
      const folder = mkdtempSync(join(mutantsFolder, 'patched-'));
      try {
        for (const part of ['shim', 'Makefile', 'syscalls.tsv']) {
          cpSync(join(native, part), join(folder, part), { recursive: true });
        }
        const path = join(folder, file);
        const text = readFileSync(path, 'utf8');
        if (text.split(find).length !== 2)
          throw new Error(`${file} does not contain this exactly once: ${find}`);
        writeFileSync(
          path,
          text.replace(find, () => replace),
        );
        execFileSync('make', ['-s', '-C', folder, 'build/sandpiper-shim.so'], { stdio: 'pipe' });
        copyFileSync(join(folder, 'build/sandpiper-shim.so'), to);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  }));
}

/** Who killed it by making calls, or null. */
async function tryCalls(shim, subjects) {
  try {
    const args = ['--first', '--shim', shim, ...subjects];
    await run(join(build, 'try-syscall'), args, { timeout: TRY_MS, killSignal: 'SIGKILL' });
    return null;
  } catch (error) {
    const difference = /^DIFFERS\t(.*)$/m.exec(error.stdout ?? '')?.[1];
    if (difference !== undefined) {
      const [subject, way, number, args, expected, seen] = difference.split('\t');
      return `try-syscall ${subject}: call ${number}(${args}) by ${way}: ${seen}, not ${expected}`;
    }
    if (error.code === 2) return String(error.stderr).trim().replaceAll('\n', '; ');
    throw error;
  }
}

/** Who killed it of the tests, or null. */
async function runTests(shim) {
  const copy = new CheckoutCopy();
  copyFileSync(shim, copy.shim);
  try {
    const vitest = join(top, 'node_modules/vitest/vitest.mjs');
    const args = [vitest, 'run', '--bail=1', '--reporter=json', ...TESTS];
    await run('node', args, {
      cwd: copy.folder,
      timeout: TESTS_MS,
      killSignal: 'SIGKILL',
      maxBuffer: 2 ** 28,
    });
    return null;
  } catch (error) {
    if (error.killed) return 'the tests: they do not end';
    const report = JSON.parse(String(error.stdout).slice(String(error.stdout).indexOf('{"num')));
    const failed = report.testResults.flatMap((file) => file.assertionResults);
    const first = failed.find((test) => test.status === 'failed');
    return `the tests: ${first?.fullName ?? report.testResults.find((file) => file.message)?.message ?? '?'}`;
  } finally {
    copy.remove();
  }
}

async function judge(mutant, place) {
  const shim = join(mutantsFolder, `mutant-${place}.so`);
  mutant.make(shim);
  try {
    let killer = await tryCalls(shim, mutant.subjects);
    killer ??= await tryCalls(shim, []);
    const killers = killer === null ? [] : [killer];
    if (killer === null || options.tests) {
      await assertTestsPass();
      killers.push(...[await runTests(shim)].filter((who) => who !== null));
    }
    return killers;
  } finally {
    rmSync(shim, { force: true });
  }
}

/** A failure is only meaningful if the tests pass without a mutation. */
let pass = null;
async function assertTestsPass() {
  pass ??= runTests(join(build, 'sandpiper-shim.so'));
  const why = await pass;
  if (why !== null) throw new Error(`with the shim as it is, ${why}`);
}

/** The tests have the machine for themselves; the calls do not need that. */
const workers = options.tests ? 1 : Math.max(1, availableParallelism());

mkdirSync(mutantsFolder, { recursive: true });
if ((await tryCalls(join(build, 'sandpiper-shim.so'), [])) !== null) {
  console.error(
    'The shim as it is does not do what the policy says: see packages/sandbox/guest/test/filter.guest.test.ts.',
  );
  process.exit(1);
}
const mutants = [...patchMutants(), ...rowMutants()]
  .filter(({ what }) => what.includes(options.only))
  .filter((_, place) => place % Number(options.sample) === 0);
const survivors = [];
let next = 0;
await Promise.all(
  Array.from({ length: workers }, async () => {
    while (next < mutants.length) {
      const place = next++;
      const mutant = mutants[place];
      const killers = await judge(mutant, place);
      if (killers.length === 0) survivors.push(mutant.what);
      console.log(`${mutant.what}\n    ${killers.length === 0 ? 'SURVIVES' : killers.join('\n    ')}`);
    }
  }),
);
console.log(
  `${mutants.length} mutants, ${mutants.length - survivors.length} killed, ${survivors.length} survive`,
);
for (const what of survivors) console.log(`SURVIVES: ${what}`);
process.exit(survivors.length === 0 && mutants.length > 0 ? 0 : 1);
