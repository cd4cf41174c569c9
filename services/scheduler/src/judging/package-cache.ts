import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { errorCode } from '@sandpiper/contracts';
import { InputError, type Problem } from '@sandpiper/grading';
import type { ProblemStore } from '@sandpiper/store';
import { openPackage, type PackageBounds } from './check-package.js';

/** A package that is named by its place among a tenant's problems. */
export interface PackageName {
  readonly tenant: string;
  readonly problem: string;
  readonly version: string;
}

interface Cached {
  readonly opened: Promise<{ readonly folder: string; readonly problem: Problem; readonly bytes: number }>;
  /** Judgings that use it. */
  users: number;
}

export interface PackageLease {
  readonly problem: Problem;
  release(): void;
}

const PREFIX = 'sandpiper-judge-';

/** Unpacked packages on the disk, for the judgings of one process: the least recently used leave first. */
export class PackageCache {
  private readonly cached = new Map<string, Cached>();
  private held = 0;

  private constructor(
    private readonly store: ProblemStore,
    private readonly bounds: PackageBounds,
    private readonly diskBytes: number,
    private readonly folder: string,
  ) {}

  /** @param within where packages are unpacked; what processes that are gone have left there is removed */
  static async open(
    store: ProblemStore,
    bounds: PackageBounds,
    diskBytes: number,
    within: string,
  ): Promise<PackageCache> {
    await mkdir(within, { recursive: true });
    await removeLeftBehind(within);
    return new PackageCache(
      store,
      bounds,
      diskBytes,
      await mkdtemp(join(within, `${PREFIX}${process.pid}-`)),
    );
  }

  /** @throws InputError when the version is gone, or cannot be read any more */
  async take(name: PackageName): Promise<PackageLease> {
    const key = `${name.tenant} ${name.problem} ${name.version}`;
    const cached = this.cached.get(key) ?? { opened: this.fetch(name), users: 0 };
    cached.users += 1;
    // The last of the map is the one that was used last.
    this.cached.delete(key);
    this.cached.set(key, cached);
    try {
      const { problem } = await cached.opened;
      await this.shrink();
      let isHeld = true;
      const release = (): void => {
        if (isHeld) cached.users -= 1;
        isHeld = false;
      };
      return { problem, release };
    } catch (error) {
      if (this.cached.get(key) === cached) this.cached.delete(key);
      throw error;
    }
  }

  async close(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  private async fetch(name: PackageName): Promise<{ folder: string; problem: Problem; bytes: number }> {
    const place = await mkdtemp(join(this.folder, 'package-'));
    const file = join(place, 'package.zip');
    try {
      const pieces = this.store.package(name.tenant, name.problem, name.version);
      await pipeline(Readable.from(pieces), createWriteStream(file));
      if ((await stat(file)).size === 0) {
        throw new InputError(
          `version ${name.version.slice(0, 12)} of the problem ${name.problem} was removed`,
        );
      }
      const opened = await openPackage(file, name.problem, this.bounds, place);
      await rm(file);
      const bytes = await bytesBelow(opened.folder);
      this.held += bytes;
      return { folder: place, problem: opened.problem, bytes };
    } catch (error) {
      await rm(place, { recursive: true, force: true });
      throw error;
    }
  }

  private async shrink(): Promise<void> {
    for (const [key, cached] of this.cached) {
      if (this.held <= this.diskBytes) return;
      if (cached.users > 0) continue;
      this.cached.delete(key);
      const { folder, bytes } = await cached.opened;
      this.held -= bytes;
      await rm(folder, { recursive: true, force: true });
    }
  }
}

async function bytesBelow(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  let bytes = 0;
  for (const entry of entries) {
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size;
  }
  return bytes;
}

async function removeLeftBehind(within: string): Promise<void> {
  for (const name of await readdir(within)) {
    const pid = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    await rm(join(within, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) !== 'ESRCH';
  }
}
