import { SCOPES, type Scope, type TenantSettings } from '@sandpiper/contracts';
import { InputError } from '@sandpiper/grading/basics';
import type { Command } from 'commander';
import type { NodesOptions } from './service/commands.js';
import type { ServiceOptions } from './service/print.js';
import { examples } from './help.js';
import { pair, quote, serverUrl, wholeNumber } from './options.js';

/** Commands for a running service. */
export function addServiceCommands(program: Command, onExitCode: (code: number) => void): void {
  const load = () => import('./service/commands.js');

  const nodes = withLabels(withServer(program.command('nodes')))
    .description('List the worker nodes of a service, their cells and current runs; take one out of service.')
    .addHelpText(
      'after',
      examples(
        ['sandpiper nodes', 'the service that sandpiper up started on this host'],
        [
          'sandpiper nodes cordon node-1 --drain',
          'before a maintenance: no new runs, and none left after its grace',
        ],
        ['sandpiper nodes uncordon node-1', 'back to work'],
        ['sandpiper nodes cordon --label rack=7', 'every node with this label (SANDPIPER_LABELS)'],
      ),
    )
    .action(async (options: NodesOptions) => onExitCode(await (await load()).nodesCommand(options)));
  withLabels(withServer(nodes.command('cordon')))
    .description('Let a node take no more runs. It stays, and the runs that it has go on.')
    .argument('[name]', 'name of the node, as listed by sandpiper nodes; or choose nodes by --label')
    .option('--drain', 'hand back the runs that have not ended after the grace period of the node')
    .action(async (name: string | undefined, options: NodesOptions & { drain?: boolean }, command: Command) =>
      onExitCode(await (await load()).cordonCommand(name, true, withParents(command, options))),
    );
  withLabels(withServer(nodes.command('uncordon')))
    .description('Let a cordoned node take runs again.')
    .argument('[name]', 'name of the node, or choose nodes by --label')
    .action(async (name: string | undefined, options: NodesOptions, command: Command) =>
      onExitCode(await (await load()).cordonCommand(name, false, withParents(command, options))),
    );

  const keys = withServer(program.command('keys'))
    .description('List, create and revoke the API keys of a service.')
    .addHelpText(
      'after',
      examples(
        ['sandpiper keys', 'list them'],
        ['sandpiper keys create blue > blue.key', 'a key for the tenant "blue"'],
        ['sandpiper keys create ops --scope admin', 'a key that may do everything'],
        ['sandpiper keys revoke 0123456789ab', 'revoke by id'],
      ) + AUTHORITY,
    )
    .action(async (options: ServiceOptions) => onExitCode(await (await load()).keysCommand(options)));
  withServer(keys.command('create'))
    .description('Create a key, and its tenant if it is new. The key is printed only once.')
    .argument('<tenant>', 'tenant that owns the runs sent with this key')
    .option('--scope <scope>', `${SCOPES.join(', ')} (repeatable; default: submit and read)`, scope)
    .option('--name <text>', 'for people')
    .action(
      async (
        tenant: string,
        options: ServiceOptions & { scope?: Scope[]; name?: string },
        command: Command,
      ) => onExitCode(await (await load()).createKeyCommand(tenant, withParents(command, options))),
    );
  withServer(keys.command('revoke'))
    .description('Revoke a key, effective at once.')
    .argument('<id>', 'id of the key, as listed by sandpiper keys')
    .action(async (id: string, options: ServiceOptions, command: Command) =>
      onExitCode(await (await load()).revokeKeyCommand(id, withParents(command, options))),
    );

  const tenants = withServer(program.command('tenants'))
    .description('List the tenants of a service and their settings; change them.')
    .addHelpText(
      'after',
      examples([
        'sandpiper tenants set blue --weight 2 --max-running 8',
        'twice the share, at most 8 runs at once',
      ]) + AUTHORITY,
    )
    .action(async (options: ServiceOptions) => onExitCode(await (await load()).tenantsCommand(options)));
  withServer(tenants.command('set'))
    .description('Create a tenant or replace its settings. Options left out are reset to their defaults.')
    .argument('<name>')
    .option(
      '--weight <n>',
      'twice the weight is twice the runs (default: 1)',
      wholeNumber('--weight', 1, 1000),
    )
    .option(
      '--max-queued <n>',
      'runs that may wait (default: the share of every tenant)',
      wholeNumber('--max-queued', 0, 10_000_000),
    )
    .option('--max-running <n>', 'runs at once (default: no limit)', wholeNumber('--max-running', 0, 100_000))
    .option(
      '--max-queued-bytes <n>',
      'bytes that queued and running runs may take (default: the share of every tenant)',
      wholeNumber('--max-queued-bytes', 0, 2 ** 45),
    )
    .option(
      '--max-kept-bytes <n>',
      'bytes that ended runs may take (default: the share of every tenant)',
      wholeNumber('--max-kept-bytes', 0, 2 ** 45),
    )
    .action(async (name: string, options: ServiceOptions & Partial<TenantSettings>, command: Command) =>
      onExitCode(await (await load()).setTenantCommand(name, withParents(command, options))),
    );

  const dead = withServer(program.command('dead-letters'))
    .description('List runs that were given up because they kept crashing their worker; requeue one.')
    .addHelpText(
      'after',
      examples(['sandpiper dead-letters requeue ID', 'as a new run, whose id is printed']),
    )
    .action(async (options: ServiceOptions) => onExitCode(await (await load()).deadLettersCommand(options)));
  withServer(dead.command('requeue'))
    .description('Submit the request again, as a new run.')
    .argument('<id>', 'id of the run that was given up')
    .action(async (id: string, options: ServiceOptions, command: Command) =>
      onExitCode(await (await load()).requeueCommand(id, withParents(command, options))),
    );
}

const AUTHORITY =
  '\nThe command reads its own key from SANDPIPER_API_KEY; for the service of sandpiper up on this host it finds the key.\n';

export function withServer(command: Command): Command {
  return command
    .option(
      '--server <url>',
      'the service (default: SANDPIPER_SERVER, or sandpiper up on this host)',
      serverUrl,
    )
    .option('--json', 'print as JSON');
}

/** `keys --json create` and `keys create --json` are the same. */
const withLabels = (command: Command): Command =>
  command.option(
    '--label <name=value>',
    'only nodes with this label (repeatable: nodes that have them all)',
    pair('--label', 'NAME=VALUE'),
  );

export const withParents = <T extends ServiceOptions>(command: Command, own: T): T => ({
  ...command.optsWithGlobals<T>(),
  ...own,
});

function scope(text: string, before: readonly Scope[] | undefined): Scope[] {
  const found = SCOPES.find((name) => name === text);
  if (found === undefined) {
    throw new InputError(`--scope: must be one of ${SCOPES.join(', ')}, not ${quote(text)}`);
  }
  return [...(before ?? []), found];
}
