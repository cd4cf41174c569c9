/** Names of files and folders for names that students chose. */

/** Bytes of UTF-8: file systems take 255 with an ending. */
const MAX_NAME_BYTES = 120;
/** Names that Windows gives to devices, with any ending. */
const DEVICE = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

export interface SafeNames {
  /** One for each given name, in their order, all different where case does not count. */
  readonly names: readonly string[];
  /** Names that had to be changed because another came first, for the user. */
  readonly collisions: readonly { readonly given: string; readonly name: string }[];
}

/** Gives each name a file name of its own, which has no separator, control character or leading dot. */
export function safeNames(given: readonly string[]): SafeNames {
  const taken = new Set<string>();
  const collisions: { given: string; name: string }[] = [];
  /** The next number to try, by name: thousands may have the same. */
  const next = new Map<string, number>();
  const names = given.map((one) => {
    const base = safeName(one);
    let name = base;
    let n = next.get(comparable(base)) ?? 2;
    for (; taken.has(comparable(name)); n++) name = `${base}-${n}`;
    next.set(comparable(base), n);
    if (name !== base) collisions.push({ given: one, name });
    taken.add(comparable(name));
    return name;
  });
  return { names, collisions };
}

/** Letters, digits and a few marks stay; the rest becomes `_`. */
function safeName(given: string): string {
  const plain = given
    .normalize('NFC')
    .replace(/[^\p{L}\p{M}\p{N}._@+=-]+/gu, '_')
    .replace(/^[.-]+/, '_')
    .replace(/\.+$/, '_');
  const short = withinBytes(plain === '' ? '_' : plain);
  return DEVICE.test(short) ? `_${short}` : short;
}

function withinBytes(name: string): string {
  if (Buffer.byteLength(name) <= MAX_NAME_BYTES) return name;
  const cut = Buffer.from(name).subarray(0, MAX_NAME_BYTES).toString('utf8');
  return cut.replace(/\uFFFD$/, '').replace(/\.+$/, '_');
}

/** Some file systems take names of another case, or of another composition, for the same. */
const comparable = (name: string): string => name.normalize('NFKC').toLowerCase();

/** The folders of a report: of each problem, and in it of each submission. */
export interface ReportFolders {
  readonly problems: readonly string[];
  readonly submissions: readonly (readonly string[])[];
  /** Lines for the user. */
  readonly notes: readonly string[];
}

interface Labelled {
  readonly name: string;
  readonly labels: readonly string[];
}

export function reportFolders(problems: readonly Labelled[]): ReportFolders {
  const top = safeNames(problems.map(({ name }) => name));
  const below = problems.map(({ labels }) => safeNames(labels));
  const noteOf = (where: string) => (one: { given: string; name: string }) =>
    `${JSON.stringify(one.given)}${where} is in the folder ${one.name}, since another has its name`;
  return {
    problems: top.names,
    submissions: below.map(({ names }) => names),
    notes: [
      ...top.collisions.map(noteOf('')),
      ...below.flatMap(({ collisions }, n) => collisions.map(noteOf(` of ${problems[n]?.name ?? ''}`))),
    ],
  };
}
