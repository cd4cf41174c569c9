import { tmpdir } from 'node:os';
import type { RedisTarget } from '@sandpiper/store';
import type { PackageBounds } from './check-package.js';

const MIB = 1024 * 1024;

/** The judge of this process. */
export interface JudgeOfProcess {
  readonly redis: RedisTarget;
  readonly redisTimeoutMs: number;
  /** Submissions that are judged at once. */
  readonly atOnce: number;
  /** Bytes of unpacked packages that are kept in the folder. */
  readonly diskBytes: number;
  /** How long a submission stays with a judge that is silent, milliseconds. */
  readonly leaseMs: number;
}

export interface JudgingOptions {
  readonly packages: PackageBounds;
  /** Where packages are received and unpacked. */
  readonly folder: string;
  /** null: other schedulers judge. */
  readonly judge: JudgeOfProcess | null;
}

export const DEFAULT_PACKAGE_LIMIT = 64 * MIB;
export const DEFAULT_UNPACKED_LIMIT = 512 * MIB;
/** Files of a package, and its tests. */
export const MAX_PACKAGE_FILES = 50_000;
export const MAX_PACKAGE_TESTS = 10_000;

export const DEFAULT_JUDGING: JudgingOptions = {
  packages: {
    fileBytes: DEFAULT_PACKAGE_LIMIT,
    unpackedBytes: DEFAULT_UNPACKED_LIMIT,
    entries: MAX_PACKAGE_FILES,
    tests: MAX_PACKAGE_TESTS,
    mayCompile: false,
  },
  folder: tmpdir(),
  judge: null,
};
