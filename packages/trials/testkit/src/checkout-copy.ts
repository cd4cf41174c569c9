import { chmodSync, cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const TOP = fileURLToPath(new URL('../../../..', import.meta.url));

/** Installed packages are linked, not copied; what belongs only to this checkout is left out. */
const LINKED = ['node_modules', '.tools'];
const LEFT_OUT = new Set(['.git', '.turbo', ...LINKED]);

/**
 * A copy of this checkout as built. No option of the program selects another shim or keeper than its own: a
 * test of a wrong one puts it into a copy.
 */
export class CheckoutCopy {
  readonly folder = mkdtempSync(join(tmpdir(), 'sandpiper-copy-'));

  constructor() {
    chmodSync(this.folder, 0o755); // guests of root run as users of their own
    for (const name of readdirSync(TOP)) {
      if (LEFT_OUT.has(name)) continue;
      cpSync(join(TOP, name), join(this.folder, name), { recursive: true, verbatimSymlinks: true });
    }
    for (const name of LINKED) symlinkSync(join(TOP, name), join(this.folder, name));
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** The path at which the program finds it. */
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
