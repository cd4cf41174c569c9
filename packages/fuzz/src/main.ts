import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Finding } from './finding.js';
import type { LoopResult } from './loop.js';
import { fuzzInThread } from './run.js';
import { TARGETS } from './targets.js';

const USAGE = `Usage: main.js TARGET [--seconds N] [--seed N] [--corpus FOLDER] [--findings FOLDER]
       main.js TARGET --replay FILE...
TARGET: ${Object.keys(TARGETS).join(', ')}`;

const print = (line: string) => void process.stdout.write(`${line}\n`);

function readFolder(folder: string | undefined): Uint8Array[] {
  if (folder === undefined) return [];
  mkdirSync(folder, { recursive: true });
  return readdirSync(folder).map((name) => Uint8Array.from(readFileSync(`${folder}/${name}`)));
}

function nameOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex').slice(0, 16);
}

/** Each file once, with a line for each call; the finding if there is one. */
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

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seconds: { type: 'string', default: '20' },
      seed: { type: 'string', default: '1' },
      corpus: { type: 'string' },
      findings: { type: 'string', default: '.' },
      replay: { type: 'boolean', default: false },
    },
  });
  const [target = '', ...files] = positionals;
  if (TARGETS[target] === undefined) {
    print(USAGE);
    return 2;
  }
  if (values.replay) return replay(target, files);
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
