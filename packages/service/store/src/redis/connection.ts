import { backOff } from '@sandpiper/contracts';
import { Cluster, Redis, type ClusterOptions, type RedisOptions } from 'ioredis';
import type { RedisAddress } from './location.js';
import { settingsOfUrl, type RedisSettings } from './settings.js';
import { SteadySentinelConnector } from './sentinel-connector.js';

/**
 * A connection for commands, to a single server or a cluster. Keys, scripts and pipelines work on both,
 * because all of our keys are in one slot (keys.ts). A command without a key goes to any node of a cluster.
 */
export type RedisConnection = Redis | Cluster;

/** Settings, or a URL that needs no further settings. */
export type RedisTarget = RedisSettings | string;

/** Reconnects without end: quickly at first, then every one to two seconds. */
const RECONNECT_BACK_OFF = { firstMs: 100, maxMs: 2_000 };
const retryStrategy = (times: number): number => backOff(times, RECONNECT_BACK_OFF);

const CONNECT_TIMEOUT_MS = 5_000;

/** A Sentinel that does not answer within this time is skipped. */
const SENTINEL_TIMEOUT_MS = 2_000;

/**
 * A hanging master keeps its connections open while its replica takes over. So the cluster's slot map is
 * refreshed at this interval, milliseconds, and a master that has lost its slots is dropped.
 */
const CLUSTER_MAP_INTERVAL_MS = 5_000;
const CLUSTER_RETRY_MS = 100;

/** Interval and timeout of a subscriber's pings to its node, milliseconds. */
const HEARTBEAT_MS = 2_000;

/** TCP keep-alive probes begin after this idle time, milliseconds, to notice a vanished peer. */
const KEEP_ALIVE_MS = 10_000;

/**
 * For callers that must answer fast: a command fails at once while Redis is away, after `commandTimeoutMs`
 * when it hangs, and after about half a second when a cluster has lost the master of our slot. The caller
 * owns the connection and must listen to `error`.
 */
export function connectFailFast(target: RedisTarget, commandTimeoutMs = 5_000): RedisConnection {
  const options = { enableOfflineQueue: false, maxRetriesPerRequest: 0, commandTimeout: commandTimeoutMs };
  const settings = settingsOf(target);
  return settings.topology.kind === 'cluster'
    ? connectCluster(settings, settings.topology.nodes, options, 5)
    : connectOne(settings, options);
}

/**
 * For consumers: commands wait until Redis is back or a replica has taken over, as BullMQ's workers require.
 * One exception: commands in flight are rejected when all nodes of a cluster go away at once.
 */
export function connectPatient(target: RedisTarget): RedisConnection {
  const options = { maxRetriesPerRequest: null };
  const settings = settingsOf(target);
  return settings.topology.kind === 'cluster'
    ? connectCluster(settings, settings.topology.nodes, options, Infinity)
    : connectOne(settings, options);
}

/**
 * For pub/sub only (see events.ts). In a cluster every node relays all messages, so it connects to one node
 * of the URL, and to the next when that goes away. It emits `ready` after each change, which ioredis's own
 * cluster subscriber does not, so that listeners know when messages may have been missed.
 */
export function connectSubscriber(target: RedisTarget): Redis {
  const settings = settingsOf(target);
  // Listeners resubscribe at `ready` (events.ts). ioredis's automatic resubscription does not handle its
  // promise: a connection that closes before the answer would be an unhandled rejection, which ends the
  // process.
  const options = { maxRetriesPerRequest: null, autoResubscribe: false };
  return settings.topology.kind === 'cluster'
    ? connectToOneOf(settings, settings.topology.nodes, options)
    : connectOne(settings, options);
}

const settingsOf = (target: RedisTarget): RedisSettings =>
  typeof target === 'string' ? settingsOfUrl(target) : target;

/** Options of every single connection, including those to the nodes of a cluster. */
function commonOptions(settings: RedisSettings): RedisOptions {
  return {
    connectTimeout: CONNECT_TIMEOUT_MS,
    keepAlive: KEEP_ALIVE_MS,
    // Saves one permission for the Redis user; servers before 7.2 lack the command.
    disableClientInfo: true,
    ...credentialOptions(settings.credentials),
    ...(settings.tls === null ? {} : { tls: { ...settings.tls } }),
  };
}

function credentialOptions({ username, password }: RedisSettings['credentials']): RedisOptions {
  return { ...(username === '' ? {} : { username }), ...(password === '' ? {} : { password }) };
}

function connectOne(settings: RedisSettings, own: RedisOptions): Redis {
  const { topology } = settings;
  const options: RedisOptions = { ...commonOptions(settings), retryStrategy, ...own };
  switch (topology.kind) {
    case 'socket':
      return new Redis({ ...options, path: topology.path });
    case 'single':
      return new Redis({ ...options, ...topology.address, db: topology.db });
    case 'sentinel':
      return new Redis({
        ...options,
        ...sentinelOptions(settings),
        sentinels: [...topology.sentinels],
        name: topology.master,
        db: topology.db,
      });
    case 'cluster':
      throw new Error('a cluster needs more than one connection');
  }
}

function sentinelOptions(settings: RedisSettings): RedisOptions {
  const { tls, sentinelCredentials: own } = settings;
  return {
    role: 'master',
    Connector: SteadySentinelConnector,
    sentinelRetryStrategy: retryStrategy,
    sentinelCommandTimeout: SENTINEL_TIMEOUT_MS,
    // Drops a hanging master when the Sentinels announce another.
    failoverDetector: true,
    // The server is no longer a master: ask the Sentinels again. The failed command is not resent: fast
    // callers report the error, and consumers retry.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
    ...(own.username === '' ? {} : { sentinelUsername: own.username }),
    ...(own.password === '' ? {} : { sentinelPassword: own.password }),
    ...(tls === null ? {} : { sentinelTLS: { ...tls }, enableTLSForSentinelMode: true }),
  };
}

function connectCluster(
  settings: RedisSettings,
  nodes: readonly RedisAddress[],
  own: RedisOptions,
  maxRedirections: number,
): Cluster {
  const { enableOfflineQueue = true, ...redisOptions } = own;
  const options: ClusterOptions = {
    enableOfflineQueue,
    clusterRetryStrategy: retryStrategy,
    maxRedirections,
    retryDelayOnFailover: CLUSTER_RETRY_MS,
    retryDelayOnClusterDown: CLUSTER_RETRY_MS,
    retryDelayOnTryAgain: CLUSTER_RETRY_MS,
    slotsRefreshTimeout: SENTINEL_TIMEOUT_MS,
    slotsRefreshInterval: CLUSTER_MAP_INTERVAL_MS,
    // Keep host names unresolved, so that certificates can be checked against them.
    dnsLookup: (name, callback) => callback(null, name),
    redisOptions: { ...commonOptions(settings), ...redisOptions },
  };
  return new Cluster([...nodes], options);
}

function connectToOneOf(settings: RedisSettings, nodes: readonly RedisAddress[], own: RedisOptions): Redis {
  let next = 0;
  const turn = (): RedisAddress | undefined => nodes[next++ % nodes.length];
  const connection: Redis = new Redis({
    ...commonOptions(settings),
    ...own,
    ...turn(),
    commandTimeout: HEARTBEAT_MS,
    retryStrategy: (times) => {
      Object.assign(connection.options, turn());
      return retryStrategy(times);
    },
  });
  leaveWhenSilent(connection);
  return connection;
}

/** Detects a hanging node, which keeps its connections open while other nodes publish. */
function leaveWhenSilent(connection: Redis): void {
  const timer = setInterval(() => {
    if (connection.status !== 'ready') return;
    connection.ping().catch(() => {
      if (connection.status === 'ready') connection.disconnect(true);
    });
  }, HEARTBEAT_MS);
  timer.unref();
  connection.once('end', () => clearInterval(timer));
}
