import { Cluster, Redis, type ClusterOptions, type RedisOptions } from 'ioredis';
import type { RedisAddress } from './redis-location.js';
import { settingsOfUrl, type RedisSettings } from './redis-settings.js';
import { SteadySentinelConnector } from './sentinel-connector.js';

/**
 * What commands are sent on, whatever stands behind it. Keys, scripts and pipelines work on both, for every
 * key of ours lies in one slot (keys.ts). A command without a key goes to any node of a cluster.
 */
export type RedisConnection = Redis | Cluster;

/** Settings, or a URL that needs nothing beside it. */
export type RedisTarget = RedisSettings | string;

/** Reconnects for ever: quickly at first, then once in two seconds. */
const retryStrategy = (times: number): number => Math.min(50 * 2 ** Math.min(times, 6), 2_000);

const CONNECT_TIMEOUT_MS = 5_000;

/** A Sentinel that has not answered after this time is passed over. */
const SENTINEL_TIMEOUT_MS = 2_000;

/**
 * A master that hangs holds its connections while its replica takes over, so nothing would be closed: the map
 * of the cluster is asked for at this interval, milliseconds, and whoever has lost its slots is left.
 */
const CLUSTER_MAP_INTERVAL_MS = 5_000;
const CLUSTER_RETRY_MS = 100;

/** A subscriber asks its node for a sign of life at this interval, and waits for it as long, milliseconds. */
const HEARTBEAT_MS = 2_000;

/** An idle peer that went without a word is noticed: probes begin after this time, milliseconds. */
const KEEP_ALIVE_MS = 10_000;

/**
 * For callers that must answer soon: a command fails at once while Redis is away, and after
 * `commandTimeoutMs` when it hangs; in a cluster that has lost the master of our slot, after half a second or
 * so. The caller owns the connection and must listen to `error`.
 */
export function connectFailFast(target: RedisTarget, commandTimeoutMs = 5_000): RedisConnection {
  const options = { enableOfflineQueue: false, maxRetriesPerRequest: 0, commandTimeout: commandTimeoutMs };
  const settings = settingsOf(target);
  return settings.topology.kind === 'cluster'
    ? connectCluster(settings, settings.topology.nodes, options, 5)
    : connectOne(settings, options);
}

/**
 * For consumers: commands wait until Redis is back, or until a replica has taken over. BullMQ's workers
 * insist on it. One exception: what is under way when every node of a cluster goes away at once is rejected.
 */
export function connectPatient(target: RedisTarget): RedisConnection {
  const options = { maxRetriesPerRequest: null };
  const settings = settingsOf(target);
  return settings.topology.kind === 'cluster'
    ? connectCluster(settings, settings.topology.nodes, options, Infinity)
    : connectOne(settings, options);
}

/**
 * For pub/sub alone (see events.ts). In a cluster every node hands on what is published at any, so it is one
 * of the nodes of the URL, and the next one when that goes away: `ready` is told after each change, which
 * ioredis's own subscriber of a cluster does not do, and whoever listens then knows that messages may have
 * been missed.
 */
export function connectSubscriber(target: RedisTarget): Redis {
  const settings = settingsOf(target);
  // Whoever listens subscribes anew at `ready` (events.ts). ioredis's own way leaves its promise to itself: a
  // connection that closes before the answer would be an unhandled rejection, which ends the process.
  const options = { maxRetriesPerRequest: null, autoResubscribe: false };
  return settings.topology.kind === 'cluster'
    ? connectToOneOf(settings, settings.topology.nodes, options)
    : connectOne(settings, options);
}

const settingsOf = (target: RedisTarget): RedisSettings =>
  typeof target === 'string' ? settingsOfUrl(target) : target;

/** What every single connection has, those to the nodes of a cluster too. */
function commonOptions(settings: RedisSettings): RedisOptions {
  return {
    connectTimeout: CONNECT_TIMEOUT_MS,
    keepAlive: KEEP_ALIVE_MS,
    // It would be one more command to be allowed, and servers before 7.2 do not know it.
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
      throw new Error('a cluster is more than one connection');
  }
}

function sentinelOptions(settings: RedisSettings): RedisOptions {
  const { tls, sentinelCredentials: own } = settings;
  return {
    role: 'master',
    Connector: SteadySentinelConnector,
    sentinelRetryStrategy: retryStrategy,
    sentinelCommandTimeout: SENTINEL_TIMEOUT_MS,
    // A master that hangs is left when the Sentinels say that there is another.
    failoverDetector: true,
    // It was a master when we connected; ask the Sentinels again. What failed is not sent again here: callers
    // that must answer soon do, and consumers try again.
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
    // Names stay names, so that certificates can be held against them.
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

/** A node that hangs keeps its connections, and we would listen to it while the others speak. */
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
