// count-tests.mjs REPORT...: the last line of scripts/test, from the reports of vitest's json reporter.
// Fails when a test file did not load, and in CI when a test was skipped without need.
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';

const files = process.argv.slice(2).flatMap((report) => {
  const text = readFileSync(report, 'utf8');
  if (text.trim() === '') {
    console.log('0 passed, 1 failed, 0 skipped');
    process.exit(1);
  }
  return JSON.parse(text).testResults;
});
const tests = files.flatMap((file) => file.assertionResults);
const count = (...statuses) => tests.filter((test) => statuses.includes(test.status)).length;

// A file that fails outside its tests (it does not load, a hook throws) has no failed test to count.
const brokenFiles = files.filter(
  (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
).length;
const passed = count('passed');
const failed = count('failed') + brokenFiles;
const skipped = count('skipped', 'pending', 'todo', 'disabled');

// A PyPy translated with --sandbox is no part of the repository, and Valkey not of every Debian: their tests say so by
// this in their names.
const OPTIONAL = /skipped, it needs (PYPY[23]_SANDBOX and PYPY[23]_SANDBOX_LIB|TEST_VALKEY)/;
const missing = tests.filter(
  (test) => test.status !== 'passed' && test.status !== 'failed' && !OPTIONAL.test(test.fullName),
);
const inCi = process.env.CI === 'true';
if (inCi && missing.length > 0) {
  console.log('CI: a skipped test is a failure, for every real component is meant to be there:');
  for (const test of missing) console.log(`  ${test.fullName}`);
}
const SLOWEST = 15;
const slowest = files
  .map(({ name, startTime, endTime }) => ({
    name: relative(process.cwd(), name),
    seconds: (endTime - startTime) / 1000,
  }))
  .sort((a, b) => b.seconds - a.seconds)
  .slice(0, SLOWEST);
if (files.length > SLOWEST) {
  console.log('\nThe slowest files, seconds:');
  for (const { name, seconds } of slowest) console.log(`${seconds.toFixed(0).padStart(6)}  ${name}`);
}
const MESSAGE_LINES = 12;
const shortened = (messages) =>
  messages
    .join('\n')
    .split('\n')
    .slice(0, MESSAGE_LINES)
    .map((line) => `  ${line}`)
    .join('\n');

// Again at the end, for a log of CI that keeps only its last part.
for (const file of files) {
  const name = relative(process.cwd(), file.name);
  const failures = file.assertionResults.filter((test) => test.status === 'failed');
  for (const test of failures)
    console.log(`\nfailed: ${name}: ${test.fullName}\n${shortened(test.failureMessages)}`);
  if (file.status === 'failed' && failures.length === 0) {
    console.log(`\nfailed: ${name}\n${shortened([file.message])}`);
  }
}
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exit(failed > 0 || passed === 0 || (inCi && missing.length > 0) ? 1 : 0);
