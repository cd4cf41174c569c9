import { chmodSync, cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const TOP = fileURLToPath(new URL('../../../..', import.meta.url));

/** What was installed is not copied, but linked to; what belongs to this checkout alone is left out. */
const LINKED = ['node_modules', '.tools'];
const LEFT_OUT = new Set(['.git', '.turbo', ...LINKED]);

/**
 * A copy of this checkout as it is built. No switch of the program's leads to another shim or keeper than its own: whoever
 * wants to see what a wrong one does, puts it into a copy.
 */
export class CheckoutCopy {
  readonly folder = mkdtempSync(join(tmpdir(), 'sandpiper-copy-'));

  constructor() {
    chmodSync(this.folder, 0o755); // the guests of a root are nobody
    for (const name of readdirSync(TOP)) {
      if (LEFT_OUT.has(name)) continue;
      cpSync(join(TOP, name), join(this.folder, name), { recursive: true, verbatimSymlinks: true });
    }
    for (const name of LINKED) symlinkSync(join(TOP, name), join(this.folder, name));
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** Where the program looks for it. */
  get shim(): string {
    return this.path('packages/sandbox/guest/native/build/sandpiper-shim.so');
  }

  get keeper(): string {
    return this.path('packages/sandbox/guest/native/build/sandpiper-keeper');
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
