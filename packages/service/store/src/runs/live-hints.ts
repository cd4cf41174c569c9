import type { Redis } from 'ioredis';

/**
 * Temporary subscriptions to channels, on one pub/sub connection. A message only means that there is
 * something to read.
 */
export class LiveHints {
  private readonly followed = new Map<string, Set<() => void>>();

  /** @param connection may have other subscriptions; its owner closes it */
  constructor(private readonly connection: Redis) {
    connection.on('message', (channel: string) => this.tell(channel));
    connection.on('ready', () => {
      for (const channel of this.followed.keys()) this.subscribe(channel);
    });
  }

  /**
   * @param onHint also called after every (re)subscription: messages may have been missed
   * @returns a function that unsubscribes
   */
  follow(channel: string, onHint: () => void): () => void {
    const listeners = this.followed.get(channel) ?? new Set();
    const isNew = listeners.size === 0;
    // A new function, so that the same listener can subscribe twice.
    const listener = (): void => onHint();
    this.followed.set(channel, listeners.add(listener));
    if (isNew) this.subscribe(channel);
    else queueMicrotask(listener);
    return () => {
      if (!listeners.delete(listener) || listeners.size > 0) return;
      this.followed.delete(channel);
      this.connection.unsubscribe(channel).catch(() => undefined);
    };
  }

  private subscribe(channel: string): void {
    // A failure means that the connection went away; another `ready` will follow.
    this.connection.subscribe(channel).then(
      () => this.tell(channel),
      () => undefined,
    );
  }

  private tell(channel: string): void {
    for (const listener of [...(this.followed.get(channel) ?? [])]) listener();
  }
}
