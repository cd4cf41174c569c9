import type { Random } from '../random.js';

export interface ImpossibleRun {
  readonly run: object;
  /** Why it must be refused; null where it may be accepted, and must then run as it says. */
  readonly why: string | null;
}

/** More bytes than execve(2) allows for arguments and variables together: a quarter of the stack's 8 MiB. */
const TOO_MANY_BYTES = 2 * 1024 * 1024 + 64 * 1024;
const WORDS = 256;

const PARTS = ['a', 'main.py', 'é', 'x y', '__proto__', 'lib'];

/** A run whose fields are all valid alone, but which no node could start. */
export function impossibleRun(random: Random): ImpossibleRun {
  switch (random.below(4)) {
    case 0:
      return largeWords(random);
    case 1:
      return contradictingFiles(random);
    case 2:
      return {
        run: { source: 'print(1)', files: files(random, 'main.py/x') },
        why: 'a file lies below a file',
      };
    default:
      return optionForEntry(random);
  }
}

/** Each word is short enough, but all together are too long. */
function largeWords(random: Random): ImpossibleRun {
  const inVariables = random.below(TOO_MANY_BYTES);
  const words = (bytes: number): string[] => {
    const count = Math.min(WORDS, 1 + Math.ceil(bytes / 20_000));
    return Array.from({ length: count }, () => 'w'.repeat(Math.ceil(bytes / count)));
  };
  const env = Object.fromEntries(words(inVariables).map((word, i) => [`V${i}`, word]));
  const run = { source: 'print(1)', args: words(TOO_MANY_BYTES - inVariables), env };
  return { run, why: 'its arguments and variables exceed the limit of execve' };
}

/** A name that is both a file and a folder. */
function contradictingFiles(random: Random): ImpossibleRun {
  const depth = 1 + random.below(3);
  const folder = Array.from({ length: depth }, () => PARTS[random.below(PARTS.length)]).join('/');
  const below = `${folder}/${PARTS[random.below(PARTS.length)]}`;
  const names = random.below(2) === 0 ? [folder, below] : [below, folder];
  const run = {
    files: [...names.flatMap((name) => files(random, name)), ...files(random, 'entry.py')],
    entry: 'entry.py',
  };
  return { run, why: 'a file lies below a file' };
}

/** A name that an interpreter would take for an option. */
function optionForEntry(random: Random): ImpossibleRun {
  const options = ['-c', '-', '-i', '-m', '--help', '-X', '-cprint(1)', '-W/../x.py'];
  const entry = options[random.below(options.length)] as string;
  const run = random.below(2) === 0 ? { source: 'print(1)', entry } : { files: files(random, entry), entry };
  // A server may refuse it, or run a file of that name.
  return { run, why: null };
}

const files = (random: Random, name: string): object[] => [
  random.below(2) === 0 ? { name, content: 'x' } : { name, contentBase64: 'eA==' },
];
