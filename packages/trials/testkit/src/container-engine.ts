import { existsSync } from 'node:fs';
import { get } from 'node:http';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** How long an engine may take to answer, milliseconds. */
const PATIENCE_MS = 3_000;

/**
 * Whether a container engine answers. A Docker client without one is recognised at once, because it has no
 * socket; a socket without an engine behind it, or with a hanging one, soon. TLS and ssh are left to
 * testcontainers.
 */
export async function engineAnswers(): Promise<boolean> {
  const host = process.env['DOCKER_HOST'];
  if (host) return host.startsWith('unix://') ? pings(host.slice('unix://'.length)) : true;
  if (existsSync(join(homedir(), '.testcontainers.properties'))) return true;
  for (const socket of usualSockets()) if (existsSync(socket) && (await pings(socket))) return true;
  return false;
}

function usualSockets(): string[] {
  const runtime = process.env['XDG_RUNTIME_DIR'] ?? '/run/user/0';
  const home = homedir();
  return [
    '/var/run/docker.sock',
    join(runtime, 'docker.sock'),
    join(home, '.docker/run/docker.sock'),
    join(home, '.docker/desktop/docker.sock'),
  ];
}

/** Asks in the way that every engine with Docker's API supports. */
function pings(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get({ socketPath, path: '/_ping', timeout: PATIENCE_MS }, (reply) => {
      reply.resume();
      resolve(reply.statusCode === 200);
    });
    request.on('error', () => resolve(false));
    request.on('timeout', () => request.destroy(new Error('timed out')));
  });
}
