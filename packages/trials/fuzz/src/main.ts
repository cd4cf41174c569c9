import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { corpusFile } from './corpus.js';
import { Finding } from './finding.js';
import type { WireRequest } from './http/request.js';
import { fuzzHttp } from './http/run.js';
import { fuzz, type LoopResult } from './loop.js';
import { fuzzInThread } from './run.js';
import { TARGETS } from './targets.js';

/**
 * Adds to the repository those inputs of a folder that reach new code, the small ones first. Inputs with
 * findings are left out: bytes mean other calls as soon as a fuzzer changes, so a finding is kept as a
 * separate test.
 */
function keep(target: string, folder: string): number {
  const run = TARGETS[target];
  if (run === undefined) return 2;
  const { corpusInputs } = fuzz(run, {
    seconds: 0,
    seed: 1,
    known: readFolder(folder)
      .filter((bytes) => bytes.length <= MAX_KEPT_BYTES)
      .sort((a, b) => a.length - b.length),
    onInput: () => undefined,
    onProgress: () => undefined,
  });
  const lines = [
    `# Inputs of the fuzzer \`${target}\`, one a line: name, bytes. Each reaches code that those before it do not.`,
    ...corpusInputs.map((bytes) => `${nameOf(bytes)} ${Buffer.from(bytes).toString('hex')}`),
  ];
  writeFileSync(corpusFile(target), `${lines.join('\n')}\n`);
  print(`${target}: ${lines.length - 1} inputs are kept`);
  return 0;
}

const MAX_KEPT_BYTES = 1200;

const USAGE = `Usage: main.js TARGET [--seconds N] [--seed N] [--corpus FOLDER] [--findings FOLDER]
       main.js TARGET --replay FILE...
       main.js TARGET --keep FOLDER
TARGET: ${Object.keys(TARGETS).join(', ')}, http`;

const print = (line: string) => void process.stdout.write(`${line}\n`);

function readFolder(folder: string | undefined): Uint8Array[] {
  if (folder === undefined) return [];
  mkdirSync(folder, { recursive: true });
  return readdirSync(folder).map((name) => Uint8Array.from(readFileSync(`${folder}/${name}`)));
}

function readRequests(lines: string): WireRequest[] {
  return lines
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as WireRequest);
}

function nameOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex').slice(0, 16);
}

/** Replays each file once, with a line per call; returns the finding, if any. */
function replay(target: string, files: readonly string[]): number {
  let found = 0;
  for (const file of files) {
    print(`== ${file}`);
    try {
      TARGETS[target]?.(readFileSync(file), print);
    } catch (error) {
      if (!(error instanceof Finding)) throw error;
      found++;
      print(`FINDING: ${error.message}`);
    }
  }
  return found > 0 ? 1 : 0;
}

function report(target: string, result: LoopResult, findings: string): number {
  print(
    `${target}: ${result.executions} executions, ${result.corpus} inputs kept, ${result.covered} characters of code ran`,
  );
  if (result.finding === null) return 0;
  mkdirSync(findings, { recursive: true });
  const file = `${findings}/${target}-${nameOf(result.finding.bytes)}`;
  writeFileSync(file, result.finding.bytes);
  print(`${target}: FINDING: ${result.finding.message}`);
  print(`replay it with: scripts/fuzz ${target} --replay ${file}`);
  return 1;
}

async function http(seconds: number, seed: number, findings: string): Promise<number> {
  const file = new URL('../corpus/http.jsonl', import.meta.url);
  const known = existsSync(file) ? readRequests(readFileSync(file, 'utf8')) : [];
  const result = await fuzzHttp({ seconds, seed, known, onProgress: (line) => print(`http: ${line}`) });
  print(`http: ${result.requests} requests`);
  for (const [key, count] of [...result.statuses].sort(([a], [b]) => a.localeCompare(b)))
    print(`http:   ${key}: ${count}`);
  if (result.finding === null) return 0;
  mkdirSync(findings, { recursive: true });
  const kept = `${findings}/http-${seed}.jsonl`;
  writeFileSync(kept, result.finding.requests.map((request) => `${JSON.stringify(request)}\n`).join(''));
  print(`http: FINDING: ${result.finding.message}`);
  print(`the last requests: ${kept}; replay them with: scripts/fuzz http --seed ${seed} --replay ${kept}`);
  return 1;
}

/** Replays the requests of files, one after the other, on a fresh server. */
async function replayHttp(files: readonly string[], seed: number): Promise<number> {
  const known = files.flatMap((file) => readRequests(readFileSync(file, 'utf8')));
  const result = await fuzzHttp({ seconds: 0, seed, known, onProgress: print });
  for (const [key, count] of result.statuses) print(`${key}: ${count}`);
  if (result.finding !== null) print(`FINDING: ${result.finding.message}`);
  return result.finding === null ? 0 : 1;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seconds: { type: 'string', default: '20' },
      seed: { type: 'string', default: '1' },
      corpus: { type: 'string' },
      findings: { type: 'string', default: '.' },
      replay: { type: 'boolean', default: false },
      keep: { type: 'string' },
    },
  });
  const [target = '', ...files] = positionals;
  if (target === 'http')
    return values.replay
      ? replayHttp(files, Number(values.seed))
      : http(Number(values.seconds), Number(values.seed), values.findings);
  if (TARGETS[target] === undefined) {
    print(USAGE);
    return 2;
  }
  if (values.replay) return replay(target, files);
  if (values.keep !== undefined) return keep(target, values.keep);
  const work = {
    target,
    seconds: Number(values.seconds),
    seed: Number(values.seed),
    known: readFolder(values.corpus),
  };
  print(`${target}: ${work.seconds} s, seed ${work.seed}`);
  const result = await fuzzInThread(work, (progress) => print(`${target}: ${JSON.stringify(progress)}`));
  if (values.corpus !== undefined)
    for (const bytes of result.corpusInputs)
      writeFileSync(`${values.corpus}/${nameOf(bytes)}-${bytes.length}`, bytes);
  return report(target, result, values.findings);
}

process.exitCode = await main();
