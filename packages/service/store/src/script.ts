import type { ChainableCommander } from 'ioredis';
import type { RedisConnection } from './connection.js';

/** A connection on which a script is known. */
type Runner = Record<string, (...args: (string | number | Buffer)[]) => unknown>;

const known = new WeakMap<RedisConnection, Set<string>>();

/**
 * A change of state that must be atomic, as Lua: Redis runs one script at a time. Sent by its hash after the
 * first time. Every key that it touches has the hash tag of ours, so names that are put together inside are
 * in the same slot.
 */
export class Script {
  constructor(
    /** A name that no Redis command has. */
    private readonly name: string,
    private readonly numberOfKeys: number,
    private readonly lua: string,
  ) {}

  run(redis: RedisConnection, ...args: (string | number | Buffer)[]): Promise<unknown> {
    this.define(redis);
    return (redis as unknown as Runner)[this.name]?.(...args) as Promise<unknown>;
  }

  /** The same for bytes: nothing is taken for text, and what comes back is buffers all through. */
  runBytes(redis: RedisConnection, ...args: (string | number | Buffer)[]): Promise<unknown> {
    this.define(redis);
    return (redis as unknown as Runner)[`${this.name}Buffer`]?.(...args) as Promise<unknown>;
  }

  /**
   * Adds it to a pipeline, by its text: by its hash, ioredis would use `SCRIPT` first, which our user may
   * not.
   */
  queue(pipeline: ChainableCommander, ...args: (string | number)[]): void {
    pipeline.eval(this.lua, this.numberOfKeys, ...args);
  }

  /** Makes it known to a connection. */
  private define(redis: RedisConnection): void {
    let names = known.get(redis);
    if (names === undefined) known.set(redis, (names = new Set()));
    if (names.has(this.name)) return;
    names.add(this.name);
    redis.defineCommand(this.name, { numberOfKeys: this.numberOfKeys, lua: this.lua });
  }
}
