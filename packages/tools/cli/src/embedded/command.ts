import { once } from 'node:events';
import { startEmbedded } from './embedded.js';
import type { Durability } from './redis.js';
import { EXIT } from '../exit-codes.js';
import { catchInterrupts } from '../interrupt.js';
import { type RuntimeOptions, runtimeVariables } from '../runtimes/runtime-options.js';

export interface UpOptions extends RuntimeOptions {
  nodes?: number;
  port?: number;
  host?: string;
  stateDir?: string;
  cold?: boolean;
  durability?: Durability;
}

/** `sandpiper up`: the embedded service until Ctrl-C, which drains it; a second Ctrl-C quits at once. */
export async function upCommand(options: UpOptions): Promise<number> {
  // Children end themselves when their parent is gone, and their runs go back to the queue.
  const { signal } = catchInterrupts(() =>
    process.stderr.write(
      'sandpiper: draining: waiting for the current runs (press Ctrl-C again to quit at once)\n',
    ),
  );
  const service = await startEmbedded({
    ...options,
    variables: await runtimeVariables(options),
    onEvent: (line) => process.stderr.write(`sandpiper: ${line}\n`),
  });
  process.stdout.write(welcome(service.url, service.adminKey !== null));
  if (!signal.aborted) await once(signal, 'abort');
  await service.stop();
  return EXIT.ok;
}

/** @param authenticated whether the API requires keys */
export function welcome(url: string, authenticated = false): string {
  const key = authenticated ? ` -H "authorization: Bearer $KEY"` : '';
  return [
    `Sandpiper is up at ${url}`,
    '',
    ...(authenticated
      ? ['It requires an API key. Create one:', '  KEY=$(sandpiper keys create NAME)', '']
      : []),
    'Try it:',
    `  curl -s '${url}/v1/runs'${key} -H "idempotency-key: $(cat /proc/sys/kernel/random/uuid)" \\`,
    `    -H 'content-type: application/json' -d '{"source":"print(6*7)"}'`,
    `  curl -s '${url}/v1/runs/ID?wait=10'${key}`,
    '',
    'Ctrl-C stops it.',
    '',
  ].join('\n');
}
