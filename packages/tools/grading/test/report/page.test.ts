import { createHash } from 'node:crypto';
import { parse } from 'parse5';
import { describe, expect, it } from 'vitest';
import type { GradingReport } from '../../src/report/report.js';
import { htmlOf } from '../../src/report/html/page.js';
import { excerptOf } from '../../src/report/outputs/excerpt.js';
import { outcomeOf } from '../results.js';
import { gradedAs, gradedRow, reportOf, summaryOf, wrongAnswer } from './reported.js';

/** As much of a parsed element as these tests look at. */
interface Element {
  readonly tagName?: string;
  readonly attrs?: readonly { readonly name: string; readonly value: string }[];
  readonly childNodes?: readonly Element[];
  readonly value?: string;
}

/** The elements of a page, as a browser would find them. */
function elementsOf(page: string): Element[] {
  const all: Element[] = [];
  const walk = (element: Element): void => {
    all.push(element);
    element.childNodes?.forEach(walk);
  };
  walk(parse(page) as unknown as Element);
  return all;
}

const textOf = (element: Element): string => element.value ?? (element.childNodes ?? []).map(textOf).join('');

const attribute = ({ attrs }: Element, name: string): string | undefined =>
  attrs?.find((one) => one.name === name)?.value;

const named = (elements: readonly Element[], name: string): Element[] =>
  elements.filter(({ tagName }) => tagName === name);

const EVIL = '</script><script>alert(1)</script><img src=x onerror=alert(2)>"\'<!--\u202e\u0000';

function evilReport(): GradingReport {
  const tests = [
    outcomeOf(`sample/${EVIL}`, 'WA', { reason: EVIL, teamMessage: EVIL, judgeMessage: EVIL }),
    outcomeOf('secret/1', 'AC'),
  ];
  const rows = [
    gradedRow(EVIL, summaryOf(tests)),
    gradedRow('bob', summaryOf([], { fault: EVIL, verdict: 'CE' })),
  ];
  return reportOf([gradedAs(rows, false, EVIL)], {
    isComplete: false,
    selection: { tests: [EVIL], submissions: [EVIL], cpuMs: 1, memoryBytes: null },
  });
}

describe('the page', () => {
  it('needs nothing else, and runs only its own script', () => {
    const elements = elementsOf(htmlOf(evilReport()));
    const scripts = named(elements, 'script');
    expect(scripts.map((script) => attribute(script, 'type'))).toEqual(['application/json', undefined]);
    const policy = elements
      .filter((one) => attribute(one, 'http-equiv') === 'Content-Security-Policy')
      .map((one) => attribute(one, 'content') ?? '');
    const hash = (text: string): string => createHash('sha256').update(text).digest('base64');
    const [style] = named(elements, 'style').map(textOf);
    expect(policy).toEqual([
      `default-src 'none'; style-src 'sha256-${hash(style ?? '')}'; ` +
        `script-src 'sha256-${hash(textOf(scripts[1] ?? {}))}'; base-uri 'none'; form-action 'none'`,
    ]);
    const references = elements.flatMap(({ attrs = [] }) =>
      attrs.filter(({ name }) => /^(src|href|srcset|data|action|style|on.*)$/.test(name)),
    );
    expect(references).toEqual([]);
    expect(style).not.toMatch(/url\(|@import/);
  });

  it('holds hostile text as text', () => {
    const page = htmlOf(evilReport(), () =>
      excerptOf(Buffer.from(EVIL), Buffer.from('x'), Buffer.from(EVIL)),
    );
    const elements = elementsOf(page);
    expect(named(elements, 'img')).toEqual([]);
    expect(named(elements, 'script')).toHaveLength(2);
    expect(named(elements, 'title').map(textOf)[0]).toContain('<script>alert(1)</script>');
    expect(page).not.toMatch(/(?!\n)[\p{Cc}\p{Bidi_Control}]/u);
    const [data] = named(elements, 'script').map(textOf);
    const { students } = JSON.parse(data ?? '') as { students: { cells: { tests: { r: string }[] }[] }[] };
    expect(students[0]?.cells[0]?.tests[0]?.r).toBe(
      EVIL.replace('\u202e', '\\u202e').replace('\u0000', '\\x00'),
    );
  });

  it('has a row for each student and a column for each problem', () => {
    const row = (label: string, ...tests: Parameters<typeof outcomeOf>[]) =>
      gradedRow(label, summaryOf(tests.map((test) => outcomeOf(...test))));
    const sums = gradedAs(
      [row('alice.py', ['secret/1', 'AC']), row('bob.py', ['secret/1', 'WA'])],
      false,
      'Sums',
    );
    const primes = gradedAs(
      [row('alice', ['secret/1', 'TLE']), row('carol.zip', ['secret/1', 'AC'])],
      false,
      'Primes',
    );
    const elements = elementsOf(htmlOf(reportOf([sums, primes])));
    const rows = named(elements, 'tr').map((tr) =>
      (tr.childNodes ?? []).filter(({ tagName }) => tagName !== undefined).map((cell) => textOf(cell).trim()),
    );
    expect(rows).toEqual([
      ['Student', 'Sums', 'Primes', 'Solved'],
      ['alice', 'AC 1/1', 'TLE 0/1', '1'],
      ['bob', 'WA 0/1', '–', '0'],
      ['carol', '–', 'AC 1/1', '1'],
    ]);
    expect(named(elements, 'svg').map((svg) => attribute(svg, 'aria-label'))).toEqual([
      'Submissions by verdict: AC: 1, WA: 1',
      'Submissions by CPU time in ms: ≤1: 2',
      'Submissions by verdict: AC: 1, TLE: 1',
      'Submissions by CPU time in ms: ≤1: 2',
    ]);
  });

  it('has the distribution of points', () => {
    const scored = (label: string, score: number) =>
      gradedRow(label, summaryOf([outcomeOf('secret/1', 'AC')], { score, maxScore: 100 }));
    const elements = elementsOf(
      htmlOf(
        reportOf([gradedAs([scored('a', 0), scored('b', 39.9), scored('c', 100), scored('d', 100)], true)]),
      ),
    );
    expect(attribute(named(elements, 'svg')[0] ?? {}, 'aria-label')).toBe(
      'Submissions by points: 0+: 1, 30+: 1, 100: 2',
    );
  });

  it('says what is missing and what was left out', () => {
    const stopped = gradedRow('bob.py', summaryOf([]), { isFinished: false });
    const page = htmlOf(
      reportOf([gradedAs([gradedRow('a.py', summaryOf([wrongAnswer('sample/1')])), stopped])], {
        isComplete: false,
        selection: { tests: ['sample/*'], submissions: [], cpuMs: null, memoryBytes: null },
      }),
    );
    const notes = elementsOf(page).filter((one) => attribute(one, 'class') === 'note');
    expect(notes.map(textOf).slice(0, 2)).toEqual([
      'Incomplete: judging was stopped, and 1 of 2 submissions have no verdict.',
      'Only these tests: sample/*',
    ]);
  });

  it('of 500 students and three problems has less than 8 MiB', () => {
    const tests = Array.from({ length: 20 }, (_, n) =>
      n < 19 ? outcomeOf(`secret/group/${n}`, 'AC') : wrongAnswer(`secret/group/${n}`),
    );
    const rows = Array.from({ length: 500 }, (_, n) => gradedRow(`student-${n}.py`, summaryOf(tests)));
    const long = excerptOf(
      Buffer.from('got '.repeat(9999)),
      Buffer.from('want '.repeat(9999)),
      Buffer.alloc(0),
    );
    const page = htmlOf(
      reportOf(['A', 'B', 'C'].map((name) => gradedAs(rows, false, name))),
      (_p, _s, test) => (test.endsWith('19') ? long : null),
    );
    expect(page.length).toBeLessThan(8 * 2 ** 20);
  });
});
