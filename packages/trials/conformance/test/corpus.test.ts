import { appendFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SandboxedEnd } from '../src/corpus/cell-side.js';
import { CORPUS_HELP, parseCorpusCommand } from '../src/corpus/command.js';
import { type BareEnd, withoutDurations } from '../src/corpus/ended.js';
import { type Contenders, judgeProgram } from '../src/corpus/judge.js';
import { findPrograms, type ProgramCase, readCase } from '../src/corpus/programs.js';
import { type CorpusRecord, Records } from '../src/corpus/records.js';
import { corpusMarkdown, unexplained } from '../src/corpus/report.js';
import { riskOf } from '../src/corpus/risks.js';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sandpiper-corpus-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function file(path: string, content = ''): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), content);
}

const namesIn = (...folders: string[]): string[] =>
  findPrograms(
    folders.map((each) => join(folder, each)),
    null,
  ).map(({ name }) => name);

function caseOf(text: string, others: Readonly<Record<string, string>> = {}): ProgramCase {
  const files = Object.entries({ 'main.py': text, ...others }).map(([path, content]) => ({
    path,
    data: Buffer.from(content),
  }));
  return { name: 'c/main.py', entry: 'main.py', files, stdin: Buffer.alloc(0), digest: 'd' };
}

describe('the programs of a corpus', () => {
  it('are the .py files below each folder, without links, hidden folders and packages', () => {
    for (const path of [
      'a/2.py',
      'a/1.py',
      'a/deep/3.py',
      'a/.git/x.py',
      'a/__init__.py',
      'a/1.in',
      'b/1.py',
    ])
      file(path);
    symlinkSync('/etc', join(folder, 'a/system'));
    symlinkSync('1.py', join(folder, 'a/link.py'));
    expect(namesIn('a', 'b')).toEqual(['a/1.py', 'a/2.py', 'a/deep/3.py', 'b/1.py']);
  });

  it('can be sampled evenly', () => {
    for (let i = 0; i < 10; i++) file(`a/${i}.py`);
    expect(findPrograms([join(folder, 'a')], 3).map(({ name }) => name)).toEqual([
      'a/0.py',
      'a/3.py',
      'a/6.py',
    ]);
  });

  it('are told apart by the names of their folders', () => {
    file('x/a/1.py');
    file('y/a/1.py');
    expect(() => namesIn('x/a', 'y/a')).toThrow('two folders are called a');
    expect(() => namesIn('none')).toThrow('is not a folder');
  });

  it('have their input and the files beside them, and of many those that they name', () => {
    file('a/main.py', 'import helper\nopen("words.txt")\n');
    file('a/main.in', '1 2\n');
    file('a/helper.py', 'X = 1');
    file('a/words.txt', 'w');
    const few = readCase({ name: 'a/main.py', path: join(folder, 'a/main.py') });
    expect(few.files.map(({ path }) => path)).toEqual(['helper.py', 'main.in', 'main.py', 'words.txt']);
    expect(String(few.stdin)).toBe('1 2\n');
    for (let i = 0; i < 100; i++) file(`a/other${i}.py`);
    const many = readCase({ name: 'a/main.py', path: join(folder, 'a/main.py') });
    expect(many.files.map(({ path }) => path).sort()).toEqual(['helper.py', 'main.py', 'words.txt']);
    file('a/main.in', '3\n');
    expect(readCase({ name: 'a/main.py', path: join(folder, 'a/main.py') }).digest).not.toBe(many.digest);
  });
});

describe('what is not run bare', () => {
  it.each([
    ['processes', 'import subprocess'],
    ['processes', 'import os\nos.system("ls")'],
    ['processes', 'from os import path, fork'],
    ['sockets', '  from urllib.request import urlopen'],
    ['sockets', 'import json, socket'],
    ['removal of files', 'import shutil; shutil.rmtree("x")'],
    ['removal of files', 'from pathlib import Path\nPath("x").unlink()'],
  ])('%s: %j', (risk, text) => expect(riskOf(caseOf(text))).toBe(risk));

  it.each([
    'import os\nprint(os.path.join("a"))',
    'system = 1',
    'print("http")',
    '# socket',
    'x.replace("a", "b")',
  ])('not %j', (text) => expect(riskOf(caseOf(text))).toBeNull());

  it('is found in the modules that it names, and in no others', () => {
    const others = { 'a.py': 'import b', 'b.py': 'import subprocess', 'c.py': 'import socket' };
    expect(riskOf(caseOf('import a', others))).toBe('processes');
    expect(riskOf(caseOf('print(1)', others))).toBeNull();
  });
});

describe('the kind of a difference', () => {
  const bare = (more: Partial<BareEnd> = {}): BareEnd => ({
    how: 'exit code 0',
    stdout: 'a\nb\n',
    stderr: '',
    cut: null,
    ms: 5,
    ...more,
  });
  const inside = (more: Partial<SandboxedEnd> = {}): SandboxedEnd => ({
    how: 'exit code 0',
    stdout: 'a\nb\n',
    stderr: '',
    status: 'ok',
    message: null,
    refused: [],
    start: 'forked',
    ms: 1,
    ...more,
  });
  /** Each side ends in these ways, one after the other. */
  const contenders = (bares: BareEnd[], insides: SandboxedEnd[]): Contenders => ({
    how: 'forked',
    bare: () => Promise.resolve(bares.shift() as BareEnd),
    sandboxed: () => Promise.resolve(insides.shift() as SandboxedEnd),
  });
  const missing = "ModuleNotFoundError: No module named 'numpy'\n";

  it.each<[string, string, BareEnd[], SandboxedEnd[]]>([
    ['identical', '', [bare()], [inside()]],
    ['identical', '', [bare({ how: 'SIGSEGV' })], [inside({ how: 'SIGSEGV' })]],
    ['endless', '', [bare({ cut: 'too long' })], []],
    ['large', '', [bare({ cut: 'too much' })], []],
    ['random', 'stdout', [bare(), bare({ stdout: 'c' })], [inside({ stdout: 'd' })]],
    ['refused', 'threads', [bare(), bare()], [inside({ stdout: '', refused: ['threads'] })]],
    [
      'limit',
      'memory-limit; "b" bare, "" sandboxed',
      [bare(), bare()],
      [inside({ stdout: 'a\n', status: 'memory-limit' })],
    ],
    ['module', 'numpy', [bare(), bare()], [inside({ stdout: '', how: 'exit code 1', stderr: missing })]],
    ['unsteady', '"b" bare, "c" sandboxed', [bare(), bare()], [inside({ stdout: 'a\nc\n' }), inside()]],
    [
      'stderr',
      '"" bare, "x" sandboxed',
      [bare(), bare()],
      [inside({ stderr: 'x' }), inside({ stderr: 'x' })],
    ],
    [
      'exit code',
      '"exit code 0" bare, "SIGSEGV" sandboxed',
      [bare(), bare()],
      [inside({ how: 'SIGSEGV' }), inside({ how: 'SIGSEGV' })],
    ],
  ])('%s %s', async (kind, detail, bares, insides) => {
    expect(await judgeProgram(caseOf(''), contenders(bares, insides))).toMatchObject({ kind, detail });
  });

  it('is not what a unittest took', () => {
    expect(withoutDurations('Ran 12 tests in 0.031s\n')).toBe('Ran 12 tests in ...\n');
  });
});

describe('the results of a corpus', () => {
  const record = (program: string, kind: CorpusRecord['kind'], detail = ''): CorpusRecord => ({
    program,
    how: 'forked',
    digest: 'd',
    kind,
    detail,
    bareMs: 1,
    sandboxMs: 1,
    start: 'forked',
  });

  it('are kept, but for a line that was cut off, and hold for the same files and the same start', () => {
    const path = join(folder, 'results');
    new Records(path).add(record('a/1.py', 'stdout'));
    appendFileSync(path, '{"program":"a/2.py","how":"for');
    const again = new Records(path);
    expect(again.find('a/1.py', 'forked', 'd')?.kind).toBe('stdout');
    expect(again.find('a/1.py', 'forked', 'other')).toBeNull();
    expect(again.find('a/1.py', 'cold', 'd')).toBeNull();
    expect(again.find('a/2.py', 'forked', 'd')).toBeNull();
    again.add(record('a/2.py', 'identical'));
    expect(new Records(path).find('a/2.py', 'forked', 'd')?.kind).toBe('identical');
  });

  it('count what was compared, and list the rest in plain lines', () => {
    const records = [
      record('a/1.py', 'identical'),
      record('a/2.py', 'random', 'stdout'),
      record('b/1.py', 'stdout', '"a|\u001b" bare'),
      record('b/2.py', 'limit', 'memory-limit'),
      record('b/3.py', 'left out', 'sockets'),
    ];
    const text = corpusMarkdown(records);
    expect(text).toContain('Identical: 1 of 3 (33.33 %). Without an explanation: 1.');
    expect(text).toContain('| a | 2 | 1 of 1 (100.00 %) | 0 |');
    expect(text).toContain('| b/1.py | forked | stdout | "a\\| " bare |');
    expect(text).not.toContain('b/3.py');
    expect(unexplained(records).map(({ program }) => program)).toEqual(['b/1.py']);
  });
});

describe('the command line of a corpus', () => {
  it('has defaults that its help tells', () => {
    expect(parseCorpusCommand(['a', 'b'])).toMatchObject({
      folders: ['a', 'b'],
      how: 'forked',
      sample: null,
      patienceMs: 10_000,
    });
    expect(parseCorpusCommand(['--cold', '--jobs', '3', 'a'])).toMatchObject({ how: 'cold', jobs: 3 });
    expect(parseCorpusCommand(['-h'])).toEqual({ kind: 'help' });
    for (const line of CORPUS_HELP.split('\n')) expect(line.length).toBeLessThanOrEqual(120);
  });

  it.each([[[]], [['--jobs', '0', 'a']], [['--sample', 'x', 'a']], [['--unknown', 'a']]])(
    'refuses %j',
    (args) => {
      expect(() => parseCorpusCommand(args)).toThrow();
    },
  );
});
