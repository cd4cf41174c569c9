import type { Redis } from 'ioredis';

/**
 * Channels that are followed for a while each, on one connection for pub/sub. A message says only that there
 * is something to read.
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
   * @param onHint also called whenever the subscription stands (again): messages may have been missed before
   *   it
   * @returns ends it
   */
  follow(channel: string, onHint: () => void): () => void {
    const listeners = this.followed.get(channel) ?? new Set();
    const isNew = listeners.size === 0;
    // A function of its own, so that one listener may come twice.
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
    // A failure means that the connection went away; `ready` comes anew then.
    this.connection.subscribe(channel).then(
      () => this.tell(channel),
      () => undefined,
    );
  }

  private tell(channel: string): void {
    for (const listener of [...(this.followed.get(channel) ?? [])]) listener();
  }
}
