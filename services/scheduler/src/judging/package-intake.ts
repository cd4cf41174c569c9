import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { errorCode, type ProblemFacts } from '@sandpiper/contracts';
import {
  type BoundReached,
  type JudgingBounds,
  PACKAGE_PIECE_BYTES,
  type ProblemStore,
  type StoredVersion,
} from '@sandpiper/store';
import { steady } from '../bodies/steady.js';
import { ApiProblem, CutOffProblem } from '../problems.js';
import { type CheckPool, noRoomOnDisk } from './check-pool.js';

/** Packages that are received or checked at once; each takes room on the disk. */
const MAX_INTAKES = 4;
/** Memory for one of them, bytes: what its streams hold. */
export const INTAKE_BYTES = 1024 * 1024;

export interface IntakeOptions {
  /** The store on a connection for large values. */
  readonly problems: ProblemStore;
  readonly checks: CheckPool;
  readonly bounds: () => JudgingBounds;
  readonly folder: string;
  /** Largest package, bytes. */
  readonly limit: number;
  /** A sender must make progress within this time, milliseconds. */
  readonly stuckMs: number;
}

export interface TakenPackage {
  readonly id: string;
  readonly version: string;
  readonly bytes: number;
  readonly facts: ProblemFacts;
  /** The same bytes were there before. */
  readonly isKnown: boolean;
}

/** Receives packages: to a file, through a check, and into the store. */
export class PackageIntake {
  private running = 0;

  constructor(private readonly options: IntakeOptions) {}

  /** @param id null: it follows from the bytes; @throws ApiProblem */
  async take(body: Readable, tenant: string, id: string | null): Promise<TakenPackage> {
    if (this.running >= MAX_INTAKES) {
      throw new ApiProblem(
        'queue-full',
        `${this.running} packages are being received already; try again later`,
        {
          retryAfterSeconds: 2,
        },
      );
    }
    this.running += 1;
    try {
      return await this.takeThrough(body, tenant, id);
    } catch (error) {
      throw errorCode(error) === 'ENOSPC' ? noRoomOnDisk() : error;
    } finally {
      this.running -= 1;
      body.resume();
    }
  }

  private async takeThrough(body: Readable, tenant: string, id: string | null): Promise<TakenPackage> {
    await mkdir(this.options.folder, { recursive: true });
    const folder = await mkdtemp(join(this.options.folder, 'sandpiper-upload-'));
    try {
      return await this.takeIn(body, join(folder, 'package.zip'), tenant, id);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  private async takeIn(
    body: Readable,
    file: string,
    tenant: string,
    named: string | null,
  ): Promise<TakenPackage> {
    const { problems, checks, bounds } = this.options;
    const { version, bytes } = await this.receive(body, file);
    const id = named ?? `p${version.slice(0, 24)}`;
    const facts = await checks.check(file, id);
    const upload = await problems.upload(
      createReadStream(file, { highWaterMark: PACKAGE_PIECE_BYTES }) as AsyncIterable<Buffer>,
    );
    try {
      const stored = await problems.store(upload, { tenant, id, version, facts, bytes }, bounds());
      return { id, version, bytes, facts, isKnown: isKnown(stored) };
    } catch (error) {
      await problems.dropUpload(upload).catch(() => undefined);
      throw error;
    }
  }

  private async receive(body: Readable, file: string): Promise<{ version: string; bytes: number }> {
    const { limit, stuckMs } = this.options;
    const hash = createHash('sha256');
    let bytes = 0;
    const counted = async function* (): AsyncGenerator<Buffer> {
      for await (const chunk of steady(body, stuckMs)) {
        bytes += chunk.length;
        if (bytes > limit)
          throw new ApiProblem('body-too-large', `a package has at most ${limit} bytes here`);
        hash.update(chunk);
        yield chunk;
      }
    };
    try {
      await pipeline(counted, createWriteStream(file));
    } catch (error) {
      if (error instanceof ApiProblem) throw error;
      if (body.destroyed) throw new CutOffProblem();
      throw error;
    }
    if (bytes === 0) throw new ApiProblem('bad-request', 'the body is empty');
    return { version: hash.digest('hex'), bytes };
  }
}

/** @throws ApiProblem for what was not stored */
function isKnown(stored: StoredVersion): boolean {
  if (stored.outcome === 'gone') {
    throw new ApiProblem('store-unavailable', 'the package was stored too slowly; try again', {
      retryAfterSeconds: 5,
    });
  }
  if ('most' in stored) throw boundProblem(stored);
  return stored.outcome === 'same';
}

/** Names the bound that is reached, and what to do. */
export function boundProblem({ outcome, there, most }: BoundReached): ApiProblem {
  const later = { retryAfterSeconds: 5 };
  switch (outcome) {
    case 'tenant-versions':
      return new ApiProblem(
        'quota-exceeded',
        `you have ${there} versions of problems, and at most ${most} are kept; remove some`,
      );
    case 'tenant-bytes':
      return new ApiProblem(
        'bytes-quota-exceeded',
        `you have ${there} bytes here, and this would exceed your quota of ${most}; remove some`,
      );
    case 'all-versions':
    case 'all-bytes':
      return new ApiProblem('queue-bytes-full', `the service is full: ${there} of ${most} are taken`, later);
    case 'all-waiting':
      return new ApiProblem(
        'queue-full',
        `${there} submissions wait to be judged, at most ${most} are allowed; try again later`,
        later,
      );
    case 'tenant-waiting':
      return new ApiProblem(
        'quota-exceeded',
        `${there} of your submissions wait to be judged; this one would exceed your quota of ${most}; try again later`,
        later,
      );
  }
}
