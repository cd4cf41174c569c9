import { realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { REQUEST_BOUNDS } from '@sandpiper/contracts';
import { PROBLEM_ARCHIVE, unpackArchive } from '../../files/archive.js';
import { boundedSize, isFile, readBounded } from '../../files/bounded.js';
import { type Content, fixedContent } from '../../files/content.js';
import { InputError } from '../../files/errors.js';
import { filesBelow } from '../../files/files-below.js';
import { removeAtExit } from '../../files/temporary.js';

const MAX_ANSWER_BYTES = 512 * 1024 * 1024;

/** The files of a problem: those of its folder, and then those of its archive. */
export class DataFiles {
  private constructor(
    private readonly folder: string,
    private readonly unpacked: string | null,
  ) {}

  static async open(folder: string, archive: string | null): Promise<DataFiles> {
    if (archive === null) return new DataFiles(folder, null);
    const unpacked = await unpackArchive(await within(folder, archive), PROBLEM_ARCHIVE);
    removeAtExit(unpacked);
    return new DataFiles(folder, unpacked);
  }

  /** Names of the archive; null without one. */
  async archived(): Promise<string[] | null> {
    if (this.unpacked === null) return null;
    const found = await filesBelow(this.unpacked, { maxFiles: PROBLEM_ARCHIVE.entries });
    return found.map(({ name }) => name);
  }

  /**
   * An input or an answer; the empty one where there is no name.
   * @param isBinary whether it stays as it is; otherwise all line ends become those of Unix, and the last line gets one
   */
  async content(side: 'in' | 'out', name: string | undefined, isBinary: boolean): Promise<Content> {
    if (name === undefined) return fixedContent(Buffer.alloc(0));
    const path = await this.path(name);
    const max = side === 'in' ? REQUEST_BOUNDS.stdinBytes : MAX_ANSWER_BYTES;
    const bytes = await boundedSize(path, max);
    const read = async (): Promise<Buffer> => {
      const found = await readBounded(path, max);
      return isBinary ? found : withUnixLines(found);
    };
    return { bytes: bytes + 1, read };
  }

  private async path(name: string): Promise<string> {
    for (const folder of [this.folder, ...(this.unpacked === null ? [] : [this.unpacked])]) {
      if (await isFile(join(folder, name))) return within(folder, name);
    }
    const where = this.unpacked === null ? '' : ', nor in its archive';
    throw new InputError(`${join(this.folder, name)}: no such file${where}`);
  }
}

/** The real path of a file; a name or a link that leads out of the folder is refused. */
async function within(folder: string, name: string): Promise<string> {
  const root = await realpath(folder);
  const real = await realpath(join(folder, name)).catch(() => null);
  if (real === null) throw new InputError(`${join(folder, name)}: no such file`);
  if (!real.startsWith(`${root}${sep}`))
    throw new InputError(`${join(folder, name)}: leads out of ${folder}`);
  return real;
}

function withUnixLines(bytes: Buffer): Buffer {
  if (bytes.length === 0) return bytes;
  const unix = bytes.includes(0x0d)
    ? Buffer.from(bytes.toString('latin1').replace(/\r\n?/g, '\n'), 'latin1')
    : bytes;
  return unix.at(-1) === 0x0a ? unix : Buffer.concat([unix, Buffer.from('\n')]);
}
