import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseCorpusCommand } from '../src/corpus/command.js';
import { findPrograms } from '../src/corpus/programs.js';
import { Records } from '../src/corpus/records.js';
import { runCorpus } from '../src/corpus/work.js';

/** A corpus of one program for each kind, bare and in real guests. */
const PROGRAMS: Readonly<Record<string, string>> = {
  'adds.py': 'print(sum(map(int, input().split())), open(__file__).read().count("sum"))\n',
  'adds.in': '1 2 3\n',
  'imports.py': 'import helper\nprint(helper.__file__)\nraise SystemExit(3)\n',
  'helper.py': 'print("helper")\n',
  'fails.py': 'def f():\n    1 / 0\nf()\n',
  'random_by_itself.py': 'import os\nprint(os.urandom(8))\n',
  'thread.py': 'import threading\nthreading.Thread(target=print).start()\n',
  'large.py': 'b = bytearray(300 << 20)\nb[::4096] = b"x" * len(b[::4096])\nprint(len(b))\n',
  'shell.py': 'import os\nos.system("true")\n',
  'endless.py': 'while True: pass\n',
  'prints_much.py': 'while True: print("x" * 10_000)\n',
};

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sandpiper-corpus-test-'));
  mkdirSync(join(folder, 'made'));
  for (const [name, text] of Object.entries(PROGRAMS)) writeFileSync(join(folder, 'made', name), text);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('runs each program on both sides, says what came of it, and resumes', async () => {
  const command = parseCorpusCommand(['--as-me', '--jobs', '2', '--patience', '25', join(folder, 'made')]);
  if (command.kind !== 'compare') throw new Error('unexpected command');
  const path = join(folder, 'results');
  const run = async () => {
    const fresh: string[] = [];
    const records = await runCorpus(findPrograms(command.folders, null), {
      command,
      records: new Records(path),
      onRecord: ({ program }, isFresh) => void (isFresh && fresh.push(program)),
      signal: new AbortController().signal,
    });
    return {
      fresh,
      kinds: Object.fromEntries(records.map(({ program, kind }) => [program.slice(5, -3), kind])),
    };
  };
  const kinds = {
    adds: 'identical',
    endless: 'endless',
    fails: 'identical',
    helper: 'identical',
    imports: 'identical',
    large: 'limit',
    prints_much: 'large',
    random_by_itself: 'random',
    shell: 'left out',
    thread: 'refused',
  };
  const first = await run();
  expect(first.kinds).toEqual(kinds);
  expect(first.fresh).toHaveLength(Object.keys(kinds).length);
  writeFileSync(join(folder, 'made/fails.py'), 'print("mended")\n');
  const second = await run();
  expect(second.kinds).toEqual(kinds);
  // the copies of the others have changed with it
  expect(second.fresh).toContain('made/fails.py');
  expect(await run()).toEqual({ kinds, fresh: [] });
});
