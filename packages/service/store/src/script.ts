import type { ChainableCommander } from 'ioredis';
import type { RedisConnection } from './connection.js';

/** A connection with the script registered. */
type Runner = Record<string, (...args: (string | number | Buffer)[]) => unknown>;

const known = new WeakMap<RedisConnection, Set<string>>();

/**
 * An atomic change of state as a Lua script: Redis runs one script at a time. It is sent by its hash after
 * the first time. All keys have our hash tag, so names that are built inside the script are in the same slot.
 */
export class Script {
  constructor(
    /** A name that does not clash with a Redis command. */
    private readonly name: string,
    private readonly numberOfKeys: number,
    private readonly lua: string,
  ) {}

  run(redis: RedisConnection, ...args: (string | number | Buffer)[]): Promise<unknown> {
    this.define(redis);
    return (redis as unknown as Runner)[this.name]?.(...args) as Promise<unknown>;
  }

  /** The same for bytes: arguments and replies are buffers. */
  runBytes(redis: RedisConnection, ...args: (string | number | Buffer)[]): Promise<unknown> {
    this.define(redis);
    return (redis as unknown as Runner)[`${this.name}Buffer`]?.(...args) as Promise<unknown>;
  }

  /**
   * Adds it to a pipeline by its text; for a hash ioredis would call `SCRIPT` first, which our Redis user may
   * not.
   */
  queue(pipeline: ChainableCommander, ...args: (string | number)[]): void {
    pipeline.eval(this.lua, this.numberOfKeys, ...args);
  }

  /** Registers it on a connection. */
  private define(redis: RedisConnection): void {
    let names = known.get(redis);
    if (names === undefined) known.set(redis, (names = new Set()));
    if (names.has(this.name)) return;
    names.add(this.name);
    redis.defineCommand(this.name, { numberOfKeys: this.numberOfKeys, lua: this.lua });
  }
}
