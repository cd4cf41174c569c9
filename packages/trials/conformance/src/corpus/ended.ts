/** How a program ended on one side, with what differs by the side alone taken out. Text is Latin-1: bytes. */
export interface ProgramEnd {
  /** `exit code 1` or `SIGSEGV`. */
  readonly how: string;
  readonly stdout: string;
  readonly stderr: string;
}

/** A bare end; `tooLong` and `tooMuch` ended by the driver. */
export interface BareEnd extends ProgramEnd {
  readonly cut: 'too long' | 'too much' | null;
  readonly ms: number;
}

/** What the two sides differ in, the plainest first; null where they agree. */
export type Part = 'exit code' | 'stdout' | 'stderr';

export function firstDifference(a: ProgramEnd, b: ProgramEnd): Part | null {
  if (a.stdout !== b.stdout) return 'stdout';
  if (a.how !== b.how) return 'exit code';
  return a.stderr === b.stderr ? null : 'stderr';
}

/** Characters of a line that a report shows. */
const SHOWN = 200;

/** The first line in which a part differs, as both sides have it. */
export function shownDifference(part: Part, bare: ProgramEnd, sandboxed: ProgramEnd): string {
  const [a, b] =
    part === 'exit code' ? [bare.how, sandboxed.how] : lineThatDiffers(bare[part], sandboxed[part]);
  return `${JSON.stringify(a.slice(0, SHOWN))} bare, ${JSON.stringify(b.slice(0, SHOWN))} sandboxed`;
}

function lineThatDiffers(a: string, b: string): [string, string] {
  const [ours, theirs] = [a.split('\n'), b.split('\n')];
  const at = ours.findIndex((line, index) => line !== theirs[index]);
  const index = at === -1 ? ours.length : at;
  return [ours[index] ?? '', theirs[index] ?? ''];
}

/** What a unittest took is a figure of the host. */
export function withoutDurations(text: string): string {
  return text.replace(/^(Ran \d+ tests? in )\d+\.\d+s$/gm, '$1...');
}
