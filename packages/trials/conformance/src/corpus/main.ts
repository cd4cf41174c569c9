import { writeFileSync } from 'node:fs';
import { forOption, UsageError } from '../usage.js';
import { CORPUS_HELP, type CorpusCommand, parseCorpusCommand } from './command.js';
import { findPrograms } from './programs.js';
import { type CorpusRecord, Records } from './records.js';
import { corpusMarkdown, unexplained } from './report.js';
import { runCorpus } from './work.js';

/** Without a terminal, progress is a line for so many programs. */
const LINE_EVERY = 50;

async function main(args: readonly string[]): Promise<number> {
  const command = parseCorpusCommand(args);
  if (command.kind === 'help') {
    process.stdout.write(CORPUS_HELP);
    return 0;
  }
  const programs = findPrograms(command.folders, command.sample);
  if (programs.length === 0) throw new UsageError('no folder holds a program');
  const records = forOption('--results', () => new Records(command.resultsPath));
  const abort = new AbortController();
  const interrupt = (): void => abort.abort();
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  const onRecord = progress(programs.length);
  const done = await runCorpus(programs, { command, records, onRecord, signal: abort.signal });
  write(command, done);
  if (abort.signal.aborted) return 130;
  return unexplained(done).length === 0 ? 0 : 1;
}

function write({ markdownPath, jsonPath }: CorpusCommand, records: readonly CorpusRecord[]): void {
  const markdown = corpusMarkdown(records);
  process.stdout.write(markdown);
  if (markdownPath !== null) forOption('--markdown', () => writeFileSync(markdownPath, markdown));
  if (jsonPath !== null) {
    forOption('--json', () => writeFileSync(jsonPath, `${JSON.stringify(records, null, 2)}\n`));
  }
}

/** A line for each program that is not identical, and a place that moves on. */
function progress(programs: number): (record: CorpusRecord, fresh: boolean) => void {
  let ended = 0;
  const clear = process.stderr.isTTY ? '\r\x1b[K' : '';
  return ({ program, kind, detail }, fresh) => {
    const place = `[${++ended}/${programs}]`;
    if (fresh && kind !== 'identical' && kind !== 'left out') {
      process.stderr.write(`${clear}${place} ${program}: ${kind}${detail === '' ? '' : `: ${detail}`}\n`);
    } else if (process.stderr.isTTY) {
      process.stderr.write(`${clear}${place} ${program}`);
    } else if (ended % LINE_EVERY === 0) {
      process.stderr.write(`${place}\n`);
    }
  };
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`corpus: ${(error as Error).message}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
