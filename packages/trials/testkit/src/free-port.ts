import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below the kernel's range of ephemeral ports, so that no other process gets ours by chance. */
const [FIRST, COUNT] = [20_000, 12_000];

const taken = new Set<number>();

/** A free TCP port of the loopback interface that this process has not handed out before. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    if (taken.has(port) || !(await isFree(port))) continue;
    taken.add(port);
    return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    server.close();
    await once(server, 'close');
    return true;
  } catch {
    return false;
  }
}
