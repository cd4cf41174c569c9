import { execFile } from 'node:child_process';
import { until } from '../wait.js';

const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;
/** How long a container may take to become ready on a busy machine, milliseconds. */
const READY_MS = 300_000;

export interface CommandEnd {
  readonly code: number;
  /** stdout and stderr, in this order. */
  readonly output: string;
}

/** Runs a command of a container engine, and never throws for its exit code. */
export function attempt(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<CommandEnd> {
  const options = { maxBuffer: MAX_OUTPUT_BYTES, env: { ...process.env, ...env } };
  return new Promise((resolve, reject) => {
    execFile(command, [...args], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code;
      if (typeof code === 'number') resolve({ code, output: `${stdout}${stderr}`.trim() });
      else reject(error ?? new Error(`${command} has no exit code`));
    });
  });
}

/** The output of a docker command that must succeed. */
export async function docker(...args: string[]): Promise<string> {
  const { code, output } = await attempt('docker', args);
  if (code !== 0) throw new Error(`docker ${args.slice(0, 3).join(' ')}: ${output.slice(-500)}`);
  return output;
}

interface Inspected {
  readonly State: { readonly Running: boolean; readonly ExitCode: number; readonly OOMKilled: boolean };
  readonly NetworkSettings: { readonly Networks: Readonly<Record<string, { readonly IPAddress: string }>> };
}

/** A running container. The trial that starts it also removes it. */
export class EngineContainer {
  private constructor(
    readonly name: string,
    /** Its address in its network; this machine, the network's gateway, reaches it there. */
    readonly address: string,
  ) {}

  /** @param options of `docker run`, e.g. its network */
  static async start(
    name: string,
    options: readonly string[],
    image: string,
    command: readonly string[] = [],
  ): Promise<EngineContainer> {
    await docker('run', '--detach', '--name', name, '--hostname', name, ...options, image, ...command);
    const { NetworkSettings } = await inspect(name);
    return new EngineContainer(name, Object.values(NetworkSettings.Networks)[0]?.IPAddress ?? '');
  }

  /** Waits until it answers 200. @throws Error with the end of its log when it does not */
  async ready(url: string): Promise<this> {
    try {
      await until(`${this.name} is ready`, READY_MS, async () => (await fetch(url)).ok);
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${(await this.log()).slice(-1000)}`, { cause: error });
    }
    return this;
  }

  /** SIGTERM, and SIGKILL after the patience, seconds. @returns its exit code, and how long it took, milliseconds */
  async stop(patience: number): Promise<{ readonly code: number; readonly ms: number }> {
    const begun = performance.now();
    await docker('stop', '--time', String(patience), this.name);
    const ms = Math.round(performance.now() - begun);
    return { code: (await inspect(this.name)).State.ExitCode, ms };
  }

  async state(): Promise<Inspected['State']> {
    return (await inspect(this.name)).State;
  }

  log(): Promise<string> {
    return docker('logs', this.name);
  }
}

async function inspect(name: string): Promise<Inspected> {
  const [first] = JSON.parse(await docker('inspect', name)) as Inspected[];
  if (first === undefined) throw new Error(`docker inspect ${name} says nothing`);
  return first;
}
