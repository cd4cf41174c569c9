import { findRedisSource } from './redis/source.js';

/** For vitest's `globalSetup`: prints once where the tests' Redis comes from, and tells the workers. */
export async function setup(): Promise<void> {
  const { kind, why } = await findRedisSource();
  process.env['TEST_REDIS_SOURCE'] = kind;
  const own = process.env['TEST_REDIS_URL'] ? 'the server of TEST_REDIS_URL; where one is killed, ' : '';
  process.stdout.write(`== Redis of the tests: ${own}${why}\n`);
}
