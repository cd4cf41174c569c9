export type { RedisServer } from './redis-server.js';
export { startRedis } from './start-redis.js';
