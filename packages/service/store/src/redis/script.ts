import type { ChainableCommander } from 'ioredis';
import type { RedisConnection } from './connection.js';
import { loadLua } from './lua-files.js';

type Argument = string | number | Buffer;

/** A connection on which a script is known. */
type Runner = Record<string, (...args: Argument[]) => unknown>;

const known = new WeakMap<RedisConnection, Set<string>>();

/**
 * A change of state that must be atomic, as Lua: Redis runs one script at a time. After the first call a connection sends
 * only the hash of the script. Every key of ours has the same hash tag, so names that a script puts together are in the
 * same slot. The Lua file says what its keys, arguments and reply are (lua/README.md).
 */
export class Script {
  private readonly lua: string;

  constructor(
    /** A name that does not clash with a Redis command. */
    private readonly name: string,
    private readonly numberOfKeys: number,
    /** Below lua/, without `.lua`. */
    file: string,
  ) {
    this.lua = loadLua(file);
  }

  run(redis: RedisConnection, ...args: Argument[]): Promise<unknown> {
    this.define(redis);
    return (redis as unknown as Runner)[this.name]?.(...args) as Promise<unknown>;
  }

  /** The same for bytes: strings of the reply, however deep, are buffers. */
  runBytes(redis: RedisConnection, ...args: Argument[]): Promise<unknown> {
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

/** The values of named fields in the order in which a script takes them. */
export const inOrder = <Name extends string>(
  names: readonly Name[],
  values: Readonly<Record<Name, Argument>>,
): Argument[] => names.map((name) => values[name]);

/** A reply that is a list, by the names of its places; those that it is too short for are undefined. */
export const byName = (names: readonly string[], reply: unknown): Readonly<Record<string, unknown>> =>
  Object.fromEntries(names.map((name, index) => [name, (reply as readonly unknown[])[index]]));
