import { SCOPES, type Scope, type TenantSettings } from '@sandpiper/contracts';
import { InputError } from '@sandpiper/grading';
import type { Command } from 'commander';
import type { ServiceOptions } from './command-service.js';
import { examples } from './help.js';
import { quote, serverUrl, wholeNumber } from './options.js';

/** Commands that speak to a running service. */
export function addServiceCommands(program: Command, onExitCode: (code: number) => void): void {
  const load = () => import('./command-service.js');

  withServer(program.command('nodes'))
    .description('List the worker nodes of a service, their cells, and what each runs.')
    .addHelpText('after', examples(['sandpiper nodes', 'of the service that sandpiper up has started here']))
    .action(async (options: ServiceOptions) => onExitCode(await (await load()).nodesCommand(options)));

  const keys = withServer(program.command('keys'))
    .description('List the API keys of a service; make and revoke them.')
    .addHelpText(
      'after',
      examples(
        ['sandpiper keys', 'list them'],
        ['sandpiper keys create blue > blue.key', 'a key of the tenant "blue"'],
        ['sandpiper keys create ops --scope admin', 'one that may do everything'],
        ['sandpiper keys revoke 0123456789ab', 'by its id'],
      ) + AUTHORITY,
    )
    .action(async (options: ServiceOptions) => onExitCode(await (await load()).keysCommand(options)));
  withServer(keys.command('create'))
    .description('Make a key, and its tenant if it is new. The key is printed once.')
    .argument('<tenant>', 'whose runs are sent with it')
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
    .description('Make a key worthless, at once.')
    .argument('<id>', 'as sandpiper keys shows it')
    .action(async (id: string, options: ServiceOptions, command: Command) =>
      onExitCode(await (await load()).revokeKeyCommand(id, withParents(command, options))),
    );

  const tenants = withServer(program.command('tenants'))
    .description('List the tenants of a service, and how each is served; change that.')
    .addHelpText(
      'after',
      examples([
        'sandpiper tenants set blue --weight 2 --max-running 8',
        'twice the share, at most 8 at once',
      ]) + AUTHORITY,
    )
    .action(async (options: ServiceOptions) => onExitCode(await (await load()).tenantsCommand(options)));
  withServer(tenants.command('set'))
    .description('Make a tenant, or change how it is served. What is not named is as for a new one.')
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
      'bytes that runs may take until they end (default: the share of every tenant)',
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
    .description('List runs that were given up because they killed what ran them; run one again.')
    .addHelpText(
      'after',
      examples(['sandpiper dead-letters requeue ID', 'as a new run, whose id is printed']),
    )
    .action(async (options: ServiceOptions) => onExitCode(await (await load()).deadLettersCommand(options)));
  withServer(dead.command('requeue'))
    .description('Run it again, as a new run.')
    .argument('<id>', 'of the run that was given up')
    .action(async (id: string, options: ServiceOptions, command: Command) =>
      onExitCode(await (await load()).requeueCommand(id, withParents(command, options))),
    );
}

const AUTHORITY =
  '\nThe key that a command itself uses stands in SANDPIPER_API_KEY; for the service of this host it is found.\n';

function withServer(command: Command): Command {
  return command
    .option(
      '--server <url>',
      'the service (default: SANDPIPER_SERVER, or the one of sandpiper up here)',
      serverUrl,
    )
    .option('--json', 'print as JSON');
}

/** `keys --json create` and `keys create --json` are the same. */
const withParents = <T extends ServiceOptions>(command: Command, own: T): T => ({
  ...command.optsWithGlobals<T>(),
  ...own,
});

function scope(text: string, before: readonly Scope[] | undefined): Scope[] {
  const found = SCOPES.find((name) => name === text);
  if (found === undefined) {
    throw new InputError(`--scope: there are ${SCOPES.join(', ')}, and no ${quote(text)}`);
  }
  return [...(before ?? []), found];
}
