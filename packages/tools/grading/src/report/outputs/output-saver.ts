import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bytesOf } from '@sandpiper/contracts';
import type { GradingJob } from '../../load-class.js';
import type { JudgedTest } from '../../pipeline/pipeline.js';
import type { Submission } from '../../submissions/submission.js';
import { saidIn } from './conversation.js';
import { reportFolders, safeNames } from '../folder-names.js';

/** Of one file. */
const MAX_FILE_BYTES = 4 * 1024 * 1024;
/** Of all files. */
const MAX_TOTAL_BYTES = 2 * 1024 * 1024 * 1024;

/** Where the outputs of one submission lie, and the names of its tests there. */
interface Place {
  readonly folder: string;
  readonly nameOf: ReadonlyMap<string, string>;
}

/** Writes outputs of tests into a folder as they are judged: PROBLEM/SUBMISSION/TEST.out, .err, .expected and .txt. */
export class OutputSaver {
  private readonly places = new Map<Submission, Place>();
  private readonly folderNotes: readonly string[];
  private saved = 0;
  private cut = 0;
  private left = 0;
  private bytes = 0;

  /** @param savesAll whether outputs of passed tests are written too */
  constructor(
    folder: string,
    jobs: readonly GradingJob[],
    private readonly savesAll: boolean,
  ) {
    const folders = reportFolders(
      jobs.map(({ problem, submissions }) => ({
        name: problem.name,
        labels: submissions.map(({ label }) => label),
      })),
    );
    this.folderNotes = folders.notes;
    for (const [n, { problem, submissions }] of jobs.entries()) {
      const tests = problem.allTests.map(({ name }) => name);
      const { names } = safeNames(tests.map((name) => name.replaceAll('/', '-')));
      const nameOf = new Map(tests.map((test, index) => [test, names[index] ?? '']));
      for (const [index, submission] of submissions.entries()) {
        const path = join(folder, folders.problems[n] ?? '', folders.submissions[n]?.[index] ?? '');
        this.places.set(submission, { folder: path, nameOf });
      }
    }
  }

  async save({ submission, test, outcome, result }: JudgedTest): Promise<void> {
    const place = this.places.get(submission);
    if (place === undefined || (outcome.verdict === 'AC' && !this.savesAll)) return;
    if (this.bytes >= MAX_TOTAL_BYTES) {
      this.left++;
      return;
    }
    await mkdir(place.folder, { recursive: true });
    const path = join(place.folder, place.nameOf.get(test.name) ?? '');
    const stdout = bytesOf(result, 'stdout');
    const stderr = bytesOf(result, 'stderr');
    const expected = await test.answer.read();
    const about = [
      `${test.name}: ${outcome.verdict}`,
      ...(outcome.reason === null ? [] : [outcome.reason]),
      ...(outcome.judgeMessage === undefined
        ? []
        : ['', 'judgemessage.txt:', outcome.judgeMessage.trimEnd()]),
      ...saidIn(outcome).flatMap(([from, text], n) => [
        ...(n === 0 ? ['', 'conversation:'] : []),
        `${from}: ${text.trimEnd()}`,
      ]),
      ...this.cutLines('.out', stdout, result.stdoutTruncated),
      ...this.cutLines('.err', stderr, result.stderrTruncated),
      ...this.cutLines('.expected', expected, false),
    ];
    await this.write(`${path}.out`, stdout);
    if (stderr.length > 0) await this.write(`${path}.err`, stderr);
    await this.write(`${path}.expected`, expected);
    await this.write(`${path}.txt`, Buffer.from(`${about.join('\n')}\n`));
    this.saved++;
  }

  /** For the user, when all is done. */
  notes(): string[] {
    const lines = [
      `saved the outputs of ${this.saved} test${this.saved === 1 ? '' : 's'}`,
      ...this.folderNotes,
    ];
    if (this.cut > 0)
      lines.push(
        `${this.cut === 1 ? '1 file is' : `${this.cut} files are`} not whole; the .txt beside each says so`,
      );
    if (this.left > 0) lines.push(`left out ${this.left} more, since the outputs take more than 2 GiB`);
    return lines;
  }

  private cutLines(ending: string, bytes: Buffer, isTruncated: boolean): string[] {
    if (!isTruncated && bytes.length <= MAX_FILE_BYTES) return [];
    this.cut++;
    const kept = Math.min(bytes.length, MAX_FILE_BYTES);
    return ['', `${ending} has the first ${kept} bytes, which is not all`];
  }

  private async write(file: string, bytes: Buffer): Promise<void> {
    const kept = bytes.subarray(0, MAX_FILE_BYTES);
    await writeFile(file, kept);
    this.bytes += kept.length;
  }
}
