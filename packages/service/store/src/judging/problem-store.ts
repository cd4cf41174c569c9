import { randomUUID } from 'node:crypto';
import type { ProblemFacts } from '@sandpiper/contracts';
import { packageKey, PREFIXES, problemKey } from '../keys.js';
import type { RedisConnection } from '../redis/connection.js';
import { chunks, throwFirstError } from '../redis/pipelines.js';
import { inOrder } from '../redis/script.js';
import { REMOVE_PROBLEM, STORE_PROBLEM, STORE_PROBLEM_ARGUMENTS } from '../scripts/judging.js';
import type { BoundReached, JudgingBounds } from './bounds.js';

/** A piece of a package in Redis: others are served between two of them. */
export const PACKAGE_PIECE_BYTES = 512 * 1024;

/** An upload that goes on no more leaves after this time, seconds. */
const UPLOAD_SECONDS = 600;

export interface NewVersion {
  readonly tenant: string;
  readonly id: string;
  /** SHA-256 of the package. */
  readonly version: string;
  readonly facts: ProblemFacts;
  readonly bytes: number;
}

/** `gone`: the upload has expired. */
export type StoredVersion = { readonly outcome: 'stored' | 'same' | 'gone' } | BoundReached;

export interface VersionFacts {
  readonly version: string;
  readonly bytes: number;
  /** Milliseconds since the epoch. */
  readonly uploadedAt: number;
  readonly facts: ProblemFacts;
}

export interface ProblemRecord {
  readonly id: string;
  readonly latest: string;
  /** The latest first. */
  readonly versions: readonly VersionFacts[];
}

/** Problems of tenants with their packages, by version. Rejects with the connection's error when Redis is away. */
export class ProblemStore {
  constructor(private readonly redis: RedisConnection) {}

  /** Writes a package beside the problems, piece by piece. @returns the name of the upload */
  async upload(pieces: AsyncIterable<Buffer>): Promise<string> {
    const upload = randomUUID();
    const key = PREFIXES.upload + upload;
    for await (const piece of pieces) {
      throwFirstError(await this.redis.pipeline().rpush(key, piece).expire(key, UPLOAD_SECONDS).exec());
    }
    return upload;
  }

  async dropUpload(upload: string): Promise<void> {
    await this.redis.unlink(PREFIXES.upload + upload);
  }

  /** Makes an upload a version of a problem, the latest one. */
  async store(upload: string, made: NewVersion, bounds: JudgingBounds): Promise<StoredVersion> {
    const { tenant, id, version, facts, bytes } = made;
    const fields = inOrder(STORE_PROBLEM_ARGUMENTS, {
      ...{ tenant, id, version, bytes },
      facts: JSON.stringify(facts),
      allVersions: bounds.versions,
      allBytes: bounds.problemBytes,
      tenantVersions: bounds.tenantVersions,
      tenantBytes: bounds.tenantProblemBytes,
    });
    const keys = [PREFIXES.upload + upload, problemKey(tenant, id)];
    const [outcome, there, most] = (await STORE_PROBLEM.run(this.redis, ...keys, ...fields)) as [
      StoredVersion['outcome'],
      string,
      string,
    ];
    if (outcome === 'stored' || outcome === 'same' || outcome === 'gone') return { outcome };
    return { outcome, there: Number(there), most: Number(most) };
  }

  /** @returns null when there is no such problem */
  async get(tenant: string, id: string): Promise<ProblemRecord | null> {
    const key = problemKey(tenant, id);
    const [fields, times] = throwFirstError(
      await this.redis.pipeline().hgetall(key).zrange(`${key}:versions`, 0, -1, 'WITHSCORES').exec(),
    ) as [Record<string, string>, string[]];
    const latest = fields['latest'];
    if (latest === undefined) return null;
    const versions: VersionFacts[] = [];
    for (let at = times.length - 2; at >= 0; at -= 2) {
      const version = times[at] ?? '';
      const facts = fields[`facts:${version}`];
      if (facts === undefined) continue;
      versions.push({
        version,
        bytes: Number(fields[`bytes:${version}`]),
        uploadedAt: Number(times[at + 1]),
        facts: JSON.parse(facts) as ProblemFacts,
      });
    }
    return { id, latest, versions };
  }

  /** Problems of a tenant in the order of their ids. @param after the last one that the caller has seen */
  async list(tenant: string, after: string | null, limit: number): Promise<ProblemRecord[]> {
    const from = after === null ? '-' : `(${after}`;
    const ids = await this.redis.zrangebylex(PREFIXES.problems + tenant, from, '+', 'LIMIT', 0, limit);
    const found: ProblemRecord[] = [];
    for (const some of chunks(ids, 20)) {
      const records = await Promise.all(some.map((id) => this.get(tenant, id)));
      found.push(...records.filter((record) => record !== null));
    }
    return found;
  }

  /** @param version null: all of them; @returns how many were removed */
  async remove(tenant: string, id: string, version: string | null): Promise<number> {
    const key = problemKey(tenant, id);
    return (await REMOVE_PROBLEM.run(this.redis, key, tenant, id, version ?? '')) as number;
  }

  /** The package of a version, piece by piece; it ends early when the version is removed meanwhile. */
  async *package(tenant: string, id: string, version: string): AsyncGenerator<Buffer> {
    const key = packageKey(tenant, id, version);
    for (let at = 0; ; at++) {
      const piece = await this.redis.lindexBuffer(key, at);
      if (piece === null) return;
      yield piece;
    }
  }

  /** The time limit that follows from the accepted submissions of a version, as JSON; null while nothing has measured it. */
  async measuredLimit(tenant: string, id: string, version: string): Promise<string | null> {
    return this.redis.hget(problemKey(tenant, id), `limit:${version}`);
  }

  /** The first measurement counts. @returns the one that counts */
  async setMeasuredLimit(tenant: string, id: string, version: string, limit: string): Promise<string> {
    const key = problemKey(tenant, id);
    const [, stored] = throwFirstError(
      await this.redis.pipeline().hsetnx(key, `limit:${version}`, limit).hget(key, `limit:${version}`).exec(),
    ) as [number, string | null];
    return stored ?? limit;
  }
}
