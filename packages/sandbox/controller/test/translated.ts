import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TranslatedInterpreter } from '@sandpiper/controller';
import { TRANSLATED_GUEST_PATH } from '@sandpiper/guest';

/** A folder that looks like the library of a PyPy, and room for invalid programs. */
export class Bench {
  // The guests of root run as users of their own, who must be able to enter it.
  readonly folder = mkdtempSync(join(tmpdir(), 'sandpiper-rpython-'));
  readonly library = join(this.folder, 'library');

  constructor() {
    chmodSync(this.folder, 0o755);
    mkdirSync(join(this.library, 'lib-python/3'), { recursive: true });
    mkdirSync(join(this.library, 'lib_pypy'));
    writeFileSync(join(this.library, 'lib-python/3/os.py'), 'the library\n');
  }

  get interpreter(): TranslatedInterpreter {
    return { engine: 'rpython', executable: TRANSLATED_GUEST_PATH, library: this.library };
  }

  /** Writes a file, executable by default, and returns its path. */
  write(name: string, data: string | Buffer, mode = 0o755): string {
    const path = join(this.folder, name);
    writeFileSync(path, data);
    chmodSync(path, mode);
    return path;
  }

  /** The C guest, with a text in it replaced by another of equal length. */
  altered(name: string, from: string, to: string): string {
    const binary = readFileSync(TRANSLATED_GUEST_PATH);
    const at = binary.indexOf(from);
    if (at < 0 || from.length !== to.length) throw new Error(`${from} cannot become ${to}`);
    binary.write(to, at, 'latin1');
    return this.write(name, binary);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
