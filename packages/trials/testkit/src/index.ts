export { CheckoutCopy } from './checkout-copy.js';
export { childrenOf, descendantPids, isLivePid } from './process-tree.js';
export { Processes, type TestService } from './processes.js';
export { ClusterRedis } from './redis/cluster.js';
export { LocalRedis } from './redis/local.js';
export type { RedisServer, RedisVariables } from './redis/redis-server.js';
export { SentinelRedis } from './redis/sentinel.js';
export { Spinners } from './spinners.js';
export { startRedis } from './redis/start.js';
