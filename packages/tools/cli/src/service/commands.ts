import type { KeyRequest, NodeView, Scope, TenantSettings } from '@sandpiper/contracts';
import { InputError } from '@sandpiper/grading/basics';
import { escapeForTerminal } from '../terminal/escape.js';
import { EXIT } from '../exit-codes.js';
import { duration } from '../map/progress.js';
import type { Pair } from '../options.js';
import { findService } from './address.js';
import { printed, type ServiceOptions, table } from './print.js';

/** Commands that inspect a running service, or change who may use it and how. */

export interface NodesOptions extends ServiceOptions {
  readonly label?: readonly Pair[];
}

/** `sandpiper nodes`. */
export async function nodesCommand(options: NodesOptions): Promise<number> {
  const nodes = withLabels(await (await findService(options.server)).listNodes(), options.label);
  printed(options, nodes, () => renderNodes(nodes));
  return EXIT.ok;
}

const withLabels = (nodes: readonly NodeView[], wanted: readonly Pair[] = []): NodeView[] =>
  nodes.filter(({ labels = {} }) => wanted.every(({ name, value }) => labels[name] === value));

/** `sandpiper nodes cordon NAME` and `nodes uncordon NAME`, or the nodes with labels. */
export async function cordonCommand(
  name: string | undefined,
  wanted: boolean,
  options: NodesOptions & { drain?: boolean },
): Promise<number> {
  const { label } = options;
  if ((name === undefined) === (label === undefined)) {
    throw new InputError('name either a node or, with --label, the labels of nodes');
  }
  const service = await findService(options.server);
  const chosen = name === undefined ? withLabels(await service.listNodes(), label) : [{ name }];
  if (chosen.length === 0) throw new InputError('no node has these labels; sandpiper nodes lists them');
  for (const node of chosen) {
    if (wanted) await service.cordonNode(node.name, options.drain === true);
    else await service.uncordonNode(node.name);
  }
  const names = chosen.map((node) => escapeForTerminal(node.name)).join(', ');
  process.stderr.write(`sandpiper: ${wanted ? 'cordoned' : 'uncordoned'} ${names}\n`);
  return EXIT.ok;
}

export function renderNodes(nodes: readonly NodeView[]): string {
  if (nodes.length === 0) return 'No nodes.\n';
  const rows = nodes.map((node) => [
    node.name,
    node.state === 'lost' ? `lost (silent for ${duration(node.silentMs / 1000)})` : node.state,
    node.cells.map(({ id, state, run }) => `${id}: ${state}${run === null ? '' : ` ${run}`}`).join('\n'),
    duration((Date.now() - Date.parse(node.startedAt)) / 1000),
    node.engines.join(', '),
    Object.entries(node.labels ?? {})
      .map(([name, value]) => `${name}=${value}`)
      .join('\n'),
    node.warnings.join('\n'),
  ]);
  return table(['node', 'state', 'cells', 'up for', 'engines', 'labels', 'does without'], rows);
}

/** `sandpiper keys`. */
export async function keysCommand(options: ServiceOptions): Promise<number> {
  const keys = await (await findService(options.server)).listKeys();
  printed(options, keys, () =>
    keys.length === 0
      ? 'No keys.\n'
      : table(
          ['id', 'tenant', 'scopes', 'name', 'made'],
          keys.map((key) => [key.id, key.tenant, key.scopes.join(', '), key.name ?? '', key.createdAt]),
        ),
  );
  return EXIT.ok;
}

/**
 * `sandpiper keys create TENANT`. Only the key goes to standard output, so that it can be redirected to a
 * file.
 */
export async function createKeyCommand(
  tenant: string,
  options: ServiceOptions & { scope?: Scope[]; name?: string },
): Promise<number> {
  const request: Partial<KeyRequest> = {
    tenant,
    ...(options.scope === undefined ? {} : { scopes: options.scope }),
    ...(options.name === undefined ? {} : { name: options.name }),
  };
  const made = await (await findService(options.server)).createKey(request);
  printed(options, made, () => `${made.key}\n`);
  process.stderr.write(`sandpiper: key ${made.id} of ${made.tenant}; it is shown only once\n`);
  return EXIT.ok;
}

/** `sandpiper keys revoke ID`. */
export async function revokeKeyCommand(id: string, options: ServiceOptions): Promise<number> {
  await (await findService(options.server)).revokeKey(id);
  return EXIT.ok;
}

/** `sandpiper tenants`. */
export async function tenantsCommand(options: ServiceOptions): Promise<number> {
  const tenants = await (await findService(options.server)).listTenants();
  const orShare = (value: number): string => (value === 0 ? 'its share' : String(value));
  const orNone = (value: number): string => (value === 0 ? 'no limit' : String(value));
  printed(options, tenants, () =>
    tenants.length === 0
      ? 'No tenants; all runs belong to "default".\n'
      : table(
          ['tenant', 'weight', 'max queued', 'max running', 'bytes queued', 'bytes kept'],
          tenants.map((t) => [
            t.name,
            String(t.weight),
            orShare(t.maxQueued),
            orNone(t.maxRunning),
            orShare(t.maxQueuedBytes),
            orShare(t.maxKeptBytes),
          ]),
        ),
  );
  return EXIT.ok;
}

/** `sandpiper tenants set NAME`. */
export async function setTenantCommand(
  name: string,
  options: ServiceOptions & Partial<TenantSettings>,
): Promise<number> {
  const { weight, maxQueued, maxRunning, maxQueuedBytes, maxKeptBytes } = options;
  const settings = {
    ...(weight === undefined ? {} : { weight }),
    ...(maxQueued === undefined ? {} : { maxQueued }),
    ...(maxRunning === undefined ? {} : { maxRunning }),
    ...(maxQueuedBytes === undefined ? {} : { maxQueuedBytes }),
    ...(maxKeptBytes === undefined ? {} : { maxKeptBytes }),
  };
  const tenant = await (await findService(options.server)).setTenant(name, settings);
  printed(options, tenant, () => `${tenant.name}: weight ${tenant.weight}\n`);
  return EXIT.ok;
}

/** `sandpiper dead-letters`. */
export async function deadLettersCommand(options: ServiceOptions): Promise<number> {
  const dead = await (await findService(options.server)).listDeadLetters();
  printed(options, dead, () =>
    dead.length === 0
      ? 'No dead letters.\n'
      : table(
          ['run', 'tenant', 'gave up', 'reason', 'requeued as'],
          dead.map((d) => [d.id, d.tenant, d.diedAt, d.message, d.requeuedAs ?? '']),
        ),
  );
  return EXIT.ok;
}

/** `sandpiper dead-letters requeue ID`. */
export async function requeueCommand(id: string, options: ServiceOptions): Promise<number> {
  const again = await (await findService(options.server)).requeueDeadLetter(id);
  printed(options, { id: again }, () => `${again}\n`);
  return EXIT.ok;
}
