import { chownSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { killLeftovers } from './leftovers.js';

/**
 * Debian's user nobody. The sandbox's guest is an ordinary user too; root would pass and fail other tests.
 */
const NOBODY = 65534;

/** A temporary folder owned by the user of the bare interpreter: nobody if we are root, else ourselves. */
export class UserFolders {
  readonly #isRoot = process.getuid?.() === 0;
  readonly #top = this.#give(mkdtempSync(join(tmpdir(), 'sandpiper-conformance-')));
  #count = 0;

  /** The prefix of a command that runs as that user. */
  get asUser(): string[] {
    return this.#isRoot ? ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'] : [];
  }

  make(): string {
    const path = join(this.#top, String(++this.#count));
    mkdirSync(path);
    return this.#give(path);
  }

  copy(file: string): string {
    const path = join(this.make(), basename(file));
    copyFileSync(file, path);
    return this.#give(path);
  }

  /** A file of that user in one of these folders; `path` is below it, and its folders are made. */
  write(folder: string, path: string, data: Uint8Array): void {
    this.#makeFolders(folder, dirname(path));
    writeFileSync(join(folder, path), data);
    this.#give(join(folder, path));
  }

  /** Ends what was started in these folders and has left its group. */
  killLeftovers(): void {
    killLeftovers(this.#top);
  }

  removeOne(folder: string): void {
    rmSync(folder, { recursive: true, force: true });
  }

  remove(): void {
    this.killLeftovers();
    rmSync(this.#top, { recursive: true, force: true });
  }

  #makeFolders(top: string, path: string): void {
    if (path === '.') return;
    this.#makeFolders(top, dirname(path));
    mkdirSync(join(top, path), { recursive: true });
    this.#give(join(top, path));
  }

  #give(path: string): string {
    if (this.#isRoot) chownSync(path, NOBODY, NOBODY);
    return path;
  }
}
