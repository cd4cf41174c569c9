/** A Redis that belongs to one test file, with handles to hurt it. */
export interface RedisServer {
  /** What `SANDPIPER_REDIS_URL` takes; stays the same over {@link kill} and {@link boot}. */
  readonly url: string;
  /** It holds its connections and answers nothing, until {@link kill}. */
  freeze(): Promise<void>;
  /** As a power cut of the process: no goodbye, nothing written that was not written yet. */
  kill(): Promise<void>;
  /** After {@link kill}: the same server, with the data that it had synced (every write is). */
  boot(): Promise<void>;
  /** Empties it. */
  flush(): Promise<void>;
  stop(): Promise<void>;
}
