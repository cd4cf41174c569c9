import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { RunResult, RunState } from '@sandpiper/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BareSide } from '../src/corpus/bare-side.js';
import { endOfRun } from '../src/corpus/cell-side.js';
import type { BareEnd } from '../src/corpus/ended.js';
import type { ProgramCase } from '../src/corpus/programs.js';
import { loadCases, loadRefused } from './cases.js';

/** The cases through the API, `map` and `grade` of a service that `sandpiper up` has started. */

const SANDPIPER = fileURLToPath(new URL('../../../../sandpiper', import.meta.url));
const PATIENCE_MS = 60_000;
const refused = loadRefused();
const cases = loadCases();
const allowed = cases.filter(({ name }) => !refused.has(name));

interface Submission {
  readonly label: string;
  readonly verdict: string;
  readonly firstFailure: { readonly reason: string | null } | null;
}

let folder: string;
let service: ChildProcess;
let url: string;
const bareEnds = new Map<string, BareEnd>();

const started = (args: readonly string[]): ChildProcess =>
  spawn(SANDPIPER, args, {
    env: { ...process.env, XDG_STATE_HOME: folder },
    stdio: ['ignore', 'pipe', 'inherit'],
  });

async function stdoutOf(args: readonly string[]): Promise<string> {
  const child = started(args);
  const [stdout] = await Promise.all([text(child.stdout as NodeJS.ReadableStream), once(child, 'exit')]);
  return stdout;
}

const source = ({ files: [main] }: ProgramCase): string => String(main?.data);
const requestOf = (programCase: ProgramCase) => ({
  files: [{ name: programCase.entry, content: source(programCase) }],
  entry: programCase.entry,
  stdin: String(programCase.stdin),
});
const expectSame = (name: string, result: RunResult): void => {
  const { how, stdout, stderr } = bareEnds.get(name) as BareEnd;
  expect(endOfRun(result)).toMatchObject({ how, stdout, stderr, refused: [] });
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sandpiper-cases-'));
  const bare = new BareSide(true);
  try {
    for (const programCase of allowed) {
      bareEnds.set(programCase.name, await bare.run(programCase, PATIENCE_MS));
    }
  } finally {
    bare.close();
  }
  service = started(['up', '--port', '0']);
  await once(service.stdout as NodeJS.ReadableStream, 'data');
  ({ url } = JSON.parse(readFileSync(join(folder, 'sandpiper/service.json'), 'utf8')) as { url: string });
}, 120_000);

afterAll(async () => {
  const ended = once(service, 'exit');
  service.kill('SIGINT');
  await ended;
  rmSync(folder, { recursive: true, force: true });
});

describe('the API', () => {
  const json = async <T>(path: string, init: RequestInit = {}): Promise<T> => {
    const answer = await fetch(`${url}${path}`, init);
    const told = await answer.text();
    expect(answer.ok, told).toBe(true);
    return JSON.parse(told) as T;
  };
  const run = async (programCase: ProgramCase): Promise<RunResult | null> => {
    const { id } = await json<{ id: string }>('/v1/runs', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(requestOf(programCase)),
    });
    return (await json<RunState>(`/v1/runs/${id}?wait=60`)).result;
  };

  it.each(allowed.map((programCase) => [programCase.name, programCase] as const))(
    'gives the result of pypy3: %s',
    async (name, programCase) => expectSame(name, (await run(programCase)) as RunResult),
  );

  it.each([...refused])('names what it refuses: %s', async (name, kinds) => {
    expect(await run(cases.find((each) => each.name === name) as ProgramCase)).toMatchObject({
      refused: kinds,
    });
  });
});

it('map gives the results of pypy3', async () => {
  const [program, inputs] = [join(folder, 'program.py'), join(folder, 'inputs')];
  writeFileSync(program, '');
  writeFileSync(inputs, allowed.map((each) => `${JSON.stringify(requestOf(each))}\n`).join(''));
  const lines = (await stdoutOf(['map', program, inputs, '--requests', '--full'])).trimEnd().split('\n');
  expect(lines).toHaveLength(allowed.length);
  for (const [index, line] of lines.entries()) {
    expectSame(allowed[index]?.name ?? '', JSON.parse(line) as RunResult);
  }
});

it('grade accepts what pypy3 prints, and says what is refused', async () => {
  const top = join(folder, 'class');
  for (const { name, stdin, ...rest } of cases) {
    const data = join(top, 'problems', name, 'data/secret');
    mkdirSync(data, { recursive: true });
    mkdirSync(join(top, 'submissions', name), { recursive: true });
    writeFileSync(join(top, 'problems', name, 'problem.yaml'), `name: ${name}\n`);
    writeFileSync(join(data, '1.in'), stdin);
    writeFileSync(join(data, '1.ans'), bareEnds.get(name)?.stdout ?? 'no output is right\n', 'latin1');
    writeFileSync(join(top, 'submissions', name, `${name}.py`), source({ name, stdin, ...rest }));
  }
  const report = join(folder, 'report.json');
  await stdoutOf(['grade', top, '--json', report]);
  const { problems } = JSON.parse(readFileSync(report, 'utf8')) as {
    problems: { submissions: Submission[] }[];
  };
  const graded = problems.flatMap(({ submissions }) => submissions);
  expect(graded).toHaveLength(cases.length);
  for (const { label, verdict, firstFailure } of graded) {
    const name = label.replace(/\.py$/, '');
    if (refused.has(name)) expect(firstFailure?.reason).toContain('which the sandbox refuses');
    else expect([name, verdict]).toEqual([name, bareEnds.get(name)?.how === 'exit code 0' ? 'AC' : 'RTE']);
  }
});
