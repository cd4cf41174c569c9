import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SandpiperClient } from '@sandpiper/client';
import type { RunRequest } from '@sandpiper/contracts';
import { InputError } from '@sandpiper/grading/basics';
import { serverUrl } from '../options.js';
import { type RuntimeOptions, runtimeVariables } from '../runtimes/runtime-options.js';
import { defaultStateDir, SERVICE_FILE, type ServiceFile } from './state-folder.js';

/** The key from the environment, if any. */
function apiKeyOf(env: NodeJS.ProcessEnv): { apiKey?: string } {
  const key = env['SANDPIPER_API_KEY'];
  return key === undefined || key === '' ? {} : { apiKey: key };
}

/** A client for a named service, with the key from SANDPIPER_API_KEY. */
export const clientOf = (url: string): SandpiperClient => new SandpiperClient(url, apiKeyOf(process.env));

/**
 * The service of a command: --server, else SANDPIPER_SERVER, else the one that `sandpiper up` started on this
 * host.
 * @throws InputError when there is none
 */
export async function findService(server: string | undefined): Promise<SandpiperClient> {
  const named = server ?? process.env['SANDPIPER_SERVER'];
  if (named !== undefined && named !== '') return clientOf(serverUrl(named));
  const file = join(defaultStateDir(), SERVICE_FILE);
  const text = await readFile(file, 'utf8').catch(() => null);
  if (text === null) {
    throw new InputError(
      'no service is running on this host: name one with --server URL, or start one with sandpiper up',
    );
  }
  const { url, adminKey } = JSON.parse(text) as ServiceFile;
  const own = adminKey === undefined ? {} : { apiKey: adminKey };
  return new SandpiperClient(url, { ...own, ...apiKeyOf(process.env) });
}

/** The service that a command names, by --server or SANDPIPER_SERVER; null: it starts one of its own. */
function namedServer({ server }: { readonly server?: string }): string | null {
  const named = server ?? process.env['SANDPIPER_SERVER'] ?? '';
  return named === '' ? null : serverUrl(named);
}

/** The runtime that requests name: only to a service that was there before, as one of its own runs by it alone. */
export const runtimeOfRequests = (
  options: { readonly server?: string } & RuntimeOptions,
): Pick<RunRequest, 'runtime'> =>
  options.runtime === undefined || namedServer(options) === null ? {} : { runtime: options.runtime };

/** Runs `work` with a service: the named one, or a temporary one that ends with the work. */
export async function withService<T>(
  options: { readonly server?: string; readonly nodes?: number } & RuntimeOptions,
  work: (client: SandpiperClient) => Promise<T>,
): Promise<T> {
  const named = namedServer(options);
  if (named !== null) {
    if (options.lib !== undefined)
      throw new InputError('--lib does not go with a service that is there already: its nodes have theirs');
    return work(clientOf(named));
  }
  const { startEmbedded } = await import('../embedded/embedded.js');
  const stateDir = await mkdtemp(join(tmpdir(), 'sandpiper-own-'));
  try {
    const service = await startEmbedded({
      stateDir,
      port: 0,
      quiet: true,
      // Its state folder is removed with it.
      durability: 'everysec',
      ...(options.nodes === undefined ? {} : { nodes: options.nodes }),
      variables: await runtimeVariables(options),
    });
    try {
      const { url, adminKey } = service;
      return await work(new SandpiperClient(url, adminKey === null ? {} : { apiKey: adminKey }));
    } finally {
      await service.stop();
    }
  } finally {
    await rm(stateDir, { recursive: true, force: true });
  }
}
