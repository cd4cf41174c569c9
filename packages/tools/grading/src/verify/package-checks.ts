import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestCase } from '../data/test-case.js';
import type { Problem, ProblemPackage } from '../package/problem.js';
import type { Findings } from './findings.js';

const STATEMENT_FOLDERS = ['problem_statement', 'statement'] as const;

/** What can be said of a package without running anything. */
export async function checkPackage({ problem, folder }: ProblemPackage, findings: Findings): Promise<void> {
  for (const warning of problem.warnings)
    findings.warning('package', 'problem.yaml', withoutPath(warning, folder));
  reportIgnored(problem.ignored, findings);
  await checkStatement(folder, findings);
  checkSubmissionsExist(problem, findings);
  await checkTests(problem, findings);
}

function reportIgnored(ignored: readonly string[], findings: Findings): void {
  const isSubmission = (file: string): boolean => /^submissions\/[^/]+\//.test(file);
  for (const file of ignored.filter((one) => !isSubmission(one)))
    findings.warning('package', file, 'has no effect here', 'ignored');
  const others = ignored.filter(isSubmission).length;
  if (others === 0) return;
  const what = others === 1 ? '1 in another language is' : `${others} in other languages are`;
  findings.warning('package', 'submissions', `${what} not run`);
}

/** The file is named beside the message. */
const withoutPath = (text: string, folder: string): string =>
  text.replaceAll(`${folder}/`, '').replace(/^problem\.yaml: /, '');

async function checkStatement(folder: string, findings: Findings): Promise<void> {
  for (const name of STATEMENT_FOLDERS) {
    const files = await readdir(join(folder, name)).catch(() => []);
    if (files.some((file) => /^problem(\.[a-z-]+)?\.(tex|md|pdf)$/i.test(file))) return;
  }
  findings.warning(
    'package',
    'statement',
    'there is no problem statement (problem.LANGUAGE.tex, .md or .pdf)',
  );
}

function checkSubmissionsExist({ examples, ignored, allTests }: Problem, findings: Findings): void {
  if (allTests.every(({ name }) => !name.startsWith('sample/')))
    findings.warning('package', 'data/sample', 'there is no sample');
  if (examples.some(({ label }) => label.startsWith('accepted/'))) return;
  const others = ignored.filter((file) => file.startsWith('submissions/accepted/')).length;
  if (others === 0) findings.error('package', 'submissions/accepted', 'there is no accepted submission');
  else findings.warning('package', 'submissions/accepted', 'there is no accepted submission in Python');
}

/** Reads all test data once. */
async function checkTests({ allTests, limits }: Problem, findings: Findings): Promise<void> {
  const sizes = new Map<number, number>();
  for (const { input } of allTests) sizes.set(input.bytes, (sizes.get(input.bytes) ?? 0) + 1);
  const seen = new Map<string, string>();
  for (const test of allTests) {
    const input = await test.input.read();
    if ((sizes.get(input.length) ?? 0) > 1) checkDuplicate(test, input, seen, findings);
    checkText(`${test.name}.in`, input, findings);
    checkText(`${test.name}.ans`, await test.answer.read(), findings);
    checkAnswerSize(test, limits.outputBytes, findings);
  }
}

function checkDuplicate(test: TestCase, input: Buffer, seen: Map<string, string>, findings: Findings): void {
  // Files beside the program make an input of their own.
  if (test.files.length > 0) return;
  const key = createHash('sha256').update(input).update('\0').update(JSON.stringify(test.args)).digest('hex');
  const same = seen.get(key);
  if (same === undefined) seen.set(key, test.name);
  else findings.warning('package', test.name, `has the same input as ${same}`, 'duplicate');
}

function checkText(name: string, bytes: Buffer, findings: Findings): void {
  if (bytes.includes('\r\n'))
    findings.warning('package', name, 'has lines that end as in Windows (CR LF)', 'crlf');
  if (bytes.length > 0 && bytes.at(-1) !== 0x0a)
    findings.warning('package', name, 'does not end with a line break', 'no newline');
}

function checkAnswerSize({ name, answer }: TestCase, outputBytes: number, findings: Findings): void {
  const share = answer.bytes / outputBytes;
  if (share > 1) findings.error('package', `${name}.ans`, 'is larger than the output limit', 'answer size');
  else if (share > 0.5)
    findings.warning('package', `${name}.ans`, 'is larger than half the output limit', 'answer size');
}
