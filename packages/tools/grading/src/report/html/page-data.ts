import type { TestOutcome } from '../../judge/verdict.js';
import { saidIn } from '../outputs/conversation.js';
import type { OutputExcerpt } from '../outputs/excerpt.js';
import { visibleText } from '../outputs/visible-text.js';
import type { GradingReport, SubmissionReport } from '../report.js';
import type { StudentRow } from './class-view.js';

/** What page.js shows when a student is opened. Names are short, since there is one of each for every test. */
export interface PageData {
  readonly problems: readonly { readonly name: string; readonly limitMs: number | null }[];
  readonly students: readonly { readonly name: string; readonly cells: readonly (PageCell | null)[] }[];
}

interface PageCell {
  readonly label: string;
  readonly verdict: string;
  readonly points: string;
  readonly passed: number;
  readonly total: number;
  readonly fault?: string;
  readonly expected?: string;
  readonly close?: true;
  readonly groups: readonly (readonly [name: string, verdict: string, points: string])[];
  readonly tests: readonly PageTest[];
}

interface PageTest {
  readonly t: string;
  readonly v: string;
  readonly ms: number;
  readonly kib: number;
  readonly r?: string;
  readonly team?: string;
  readonly judge?: string;
  readonly unreliable?: string;
  readonly x?: OutputExcerpt;
  /** The conversation with the validator of an interactive problem, without its middle where it is long. */
  readonly said?: readonly (readonly [from: string, text: string])[];
}

const MAX_REASON = 500;
const MAX_MESSAGE = 2000;
/** Lines of a conversation, at its begin and at its end. */
const SAID_LINES = 20;
const MAX_SAID = 120;
/** Tests of one submission that are listed; the failed ones come first when there are more. */
const MAX_TESTS = 300;

export type ExcerptOf = (problem: number, submission: number, test: string) => OutputExcerpt | null;

export function pageData(report: GradingReport, rows: readonly StudentRow[], excerptOf: ExcerptOf): PageData {
  return {
    problems: report.problems.map(({ name, limits }) => ({
      name: bounded(name, 200),
      limitMs: limits.cpuMs ?? null,
    })),
    students: rows.map(({ name, cells }) => ({
      name: bounded(name, 200),
      cells: cells.map((index, n) => {
        const submission = index === null ? undefined : report.problems[n]?.submissions[index];
        if (index === null || submission === undefined) return null;
        return cellOf(submission, (test) => excerptOf(n, index, test));
      }),
    })),
  };
}

function cellOf(one: SubmissionReport, excerptOf: (test: string) => OutputExcerpt | null): PageCell {
  const { fault, expected, mismatch } = one;
  return {
    label: bounded(one.label, 200),
    verdict: one.verdict ?? 'none',
    points: pointsText(one.score, one.maxScore),
    passed: one.passed,
    total: one.total,
    ...(fault === null ? {} : { fault: bounded(fault, MAX_REASON) }),
    ...(mismatch === null ? {} : { expected: bounded(`${expected ?? ''}: ${mismatch}`, MAX_REASON) }),
    ...(one.isCloseToLimit ? { close: true as const } : {}),
    groups: one.groups.flatMap(({ group, verdict, score, maxScore }) =>
      group.split('/').length < 3
        ? []
        : [[bounded(group.replace(/^data\//, ''), 80), verdict ?? '-', pointsText(score, maxScore)] as const],
    ),
    tests: listed(one.tests).map((test) => testOf(test, excerptOf(test.test))),
  };
}

function listed(tests: readonly TestOutcome[]): readonly TestOutcome[] {
  if (tests.length <= MAX_TESTS) return tests;
  const failed = tests.filter(({ verdict }) => verdict !== 'AC');
  return [...failed, ...tests.filter(({ verdict }) => verdict === 'AC')].slice(0, MAX_TESTS);
}

function testOf(test: TestOutcome, excerpt: OutputExcerpt | null): PageTest {
  const { reason, teamMessage, judgeMessage, unreliable } = test;
  return {
    t: bounded(test.test, 120),
    v: test.verdict,
    ms: Math.round(test.cpuMs),
    kib: Math.round(test.peakMemoryBytes / 1024),
    ...(reason === null ? {} : { r: bounded(reason, MAX_REASON) }),
    ...(teamMessage === undefined ? {} : { team: bounded(teamMessage, MAX_MESSAGE) }),
    ...(judgeMessage === undefined ? {} : { judge: bounded(judgeMessage, MAX_MESSAGE) }),
    ...(unreliable === undefined ? {} : { unreliable: bounded(unreliable, MAX_REASON) }),
    ...(excerpt === null ? {} : { x: excerpt }),
    ...(test.conversation === undefined ? {} : { said: shortTalk(test) }),
  };
}

function shortTalk(test: TestOutcome): (readonly [string, string])[] {
  const said = saidIn(test).map(([from, text]) => [from, bounded(text.trimEnd(), MAX_SAID)] as const);
  const left = said.length - 2 * SAID_LINES;
  if (left <= 0) return said;
  return [...said.slice(0, SAID_LINES), ['', `${left} more`], ...said.slice(-SAID_LINES)];
}

export function pointsText(score: number | null, most: number | null): string {
  if (score === null) return '';
  const text = (value: number): string => String(Number(value.toFixed(2)));
  return most === null ? text(score) : `${text(score)}/${text(most)}`;
}

const bounded = (text: string, max: number): string =>
  visibleText(text.length <= max ? text : `${text.slice(0, max)}... (shortened)`);
