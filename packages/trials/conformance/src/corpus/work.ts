import { BareSide } from './bare-side.js';
import { CellSide } from './cell-side.js';
import type { CorpusCommand } from './command.js';
import { type Contenders, judgeProgram, type CorpusJudgement } from './judge.js';
import { type CorpusProgram, type ProgramCase, readCase } from './programs.js';
import type { CorpusRecord, Records } from './records.js';
import { riskOf } from './risks.js';

interface CorpusRun {
  readonly command: CorpusCommand;
  readonly records: Records;
  /** Called for each program, in no order; `fresh` where it was run now. */
  readonly onRecord: (record: CorpusRecord, fresh: boolean) => void;
  /** Ends the work; the programs that run then have no record. */
  readonly signal: AbortSignal;
}

/** Runs all programs that have no result yet. Resolves with a record of each, in their order. */
export async function runCorpus(programs: readonly CorpusProgram[], run: CorpusRun): Promise<CorpusRecord[]> {
  const { command, signal } = run;
  const bare = new BareSide(command.asMe);
  const records = new Array<CorpusRecord | undefined>(programs.length);
  let next = 0;
  const work = async (id: number): Promise<void> => {
    const cell = new CellSide(command.how, id, command.jobs);
    const contenders: Contenders = {
      how: command.how,
      bare: (programCase) => bare.run(programCase, command.patienceMs),
      sandboxed: (programCase, bareMs) => cell.run(programCase, bareMs),
    };
    try {
      while (next < programs.length && !signal.aborted) {
        const index = next++;
        records[index] = (await recordOf(programs[index] as CorpusProgram, contenders, run)) ?? undefined;
      }
    } finally {
      await cell.close();
    }
  };
  try {
    await Promise.all(Array.from({ length: command.jobs }, (_, id) => work(id)));
  } finally {
    bare.close();
  }
  return records.filter((record) => record !== undefined);
}

/** Null where the work was ended meanwhile: the signal may have met the program's own processes. */
async function recordOf(
  program: CorpusProgram,
  contenders: Contenders,
  run: CorpusRun,
): Promise<CorpusRecord | null> {
  const { command, records, onRecord } = run;
  const programCase = readCase(program);
  const { name, digest } = programCase;
  const known = records.find(name, command.how, digest);
  const wanted = known === null || (command.again && known.kind !== 'identical');
  if (known !== null && !wanted) {
    onRecord(known, false);
    return known;
  }
  const judgement = await judgementOf(programCase, contenders);
  if (run.signal.aborted) return null;
  const record = { program: name, how: command.how, digest, ...judgement };
  records.add(record);
  onRecord(record, true);
  return record;
}

async function judgementOf(programCase: ProgramCase, contenders: Contenders): Promise<CorpusJudgement> {
  const none = { bareMs: 0, sandboxMs: 0, start: contenders.how };
  const risk = riskOf(programCase);
  if (risk !== null) return { ...none, kind: 'left out', detail: risk };
  try {
    return await judgeProgram(programCase, contenders);
  } catch (error) {
    return { ...none, kind: 'fault', detail: (error as Error).message };
  }
}
