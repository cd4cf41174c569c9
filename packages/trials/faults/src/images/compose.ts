import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { NewKey } from '@sandpiper/contracts';
import { Api } from '../api.js';
import { figure, none, type Observation, requirement } from '../observation.js';
import type { Stage } from '../stage.js';
import { until } from '../wait.js';
import { attempt, docker } from './docker.js';
import { BESIDE_IMAGE, IMAGE } from './farm.js';

const FILE = fileURLToPath(new URL('../../../../../deploy/compose.yaml', import.meta.url));
const PATIENCE_MS = 180_000;
/** As many rules as deploy/prometheus/alerts.yml must have at least, to know that they were read. */
const FEW_RULES = 10;

/** Ends with 0 when it reaches the port; a packet that a firewall drops has no answer. */
const PROBE = `
const socket = require('net').connect({ host: process.argv[1], port: 8080, timeout: 3000 });
socket.on('connect', () => process.exit(0));
socket.on('error', () => process.exit(1));
socket.on('timeout', () => process.exit(1));`;

/** deploy/compose.yaml as an operator uses it: up, a run, a worker that dies, Prometheus, down. */
export async function compose({ say }: Stage): Promise<Observation[]> {
  const project = await Project.make();
  try {
    return await play(project, say);
  } finally {
    await project.remove();
  }
}

async function play(project: Project, say: (line: string) => void): Promise<Observation[]> {
  await project.up();
  const services = ['redis', 'scheduler', 'worker'];
  for (const service of services) await project.healthy(service);
  say('redis, scheduler and worker are healthy');
  const api = new Api(() => [`http://${project.scheduler}`]).as(project.adminKey);
  project.scheduler = await project.address('scheduler', 8080);
  const first = await resultOf(api);

  await project.killWorker();
  say('the worker was killed with -9');
  const second = await resultOf(api);
  const restarts = await project.inspect('worker', '{{.RestartCount}}');
  const reached = await project.reachedByWorker();

  const key = JSON.stringify({ tenant: 'operations', scopes: ['metrics'], name: 'prometheus' });
  const made = await api.call<NewKey>('/v1/keys', { method: 'POST', type: 'application/json', body: key });
  writeFileSync(project.keyFile, made.key, { mode: 0o444 });
  await project.up('--profile', 'monitoring');
  const prometheus = await project.address('prometheus', 9090);
  const jobs = await until('Prometheus sees its targets', PATIENCE_MS, () => jobsUp(prometheus));
  say(`Prometheus scrapes ${jobs.join(' and ')}`);
  const rules = await rulesOf(prometheus);

  const down = await project.compose('--profile', 'monitoring', 'down', '--volumes');
  const left = (
    await docker('ps', '--all', '--quiet', '--filter', `label=com.docker.compose.project=${project.name}`)
  )
    .split('\n')
    .filter((id) => id !== '');
  return [
    figure('Compose', project.version),
    requirement('a run', first, 'ok: 42', first === 'ok: 42'),
    requirement('a run after the worker was killed with -9', second, 'ok: 42', second === 'ok: 42'),
    requirement('how often the engine started the worker again', restarts, '1', restarts === '1'),
    requirement(
      'what the worker reaches of the scheduler in the network inside, and outside',
      reached.join(', '),
      'true, false',
      reached.join() === 'true,false',
    ),
    requirement(
      'jobs that Prometheus scrapes with success',
      jobs.join(', '),
      'sandpiper-node, sandpiper-scheduler',
      jobs.join() === 'sandpiper-node,sandpiper-scheduler',
    ),
    requirement('rules that it has read', rules, `at least ${FEW_RULES}`, rules >= FEW_RULES),
    requirement('down', down.code === 0 ? 'exit code 0' : down.output, 'exit code 0', down.code === 0),
    none('containers that are left', left.length, left),
  ];
}

/** The file's services under a name of their own. */
class Project {
  readonly name = 'sandpiper-compose';
  readonly adminKey = randomBytes(32).toString('hex');
  /** Address of the scheduler's published port. */
  scheduler = '';
  private readonly folder = mkdtempSync(join(tmpdir(), 'sandpiper-compose-'));
  readonly keyFile = join(this.folder, 'metrics-key');

  private constructor(
    private readonly command: readonly string[],
    readonly version: string,
  ) {}

  /** With the plugin of docker where there is one, else with the program of its own. */
  static async make(): Promise<Project> {
    for (const command of [['docker', 'compose'], ['docker-compose']]) {
      const [program = '', ...args] = command;
      const { code, output } = await attempt(program, [...args, 'version', '--short']);
      if (code === 0) return new Project(command, `${command.join(' ')} ${output}`);
    }
    throw new Error('neither docker compose nor docker-compose is installed');
  }

  compose(...args: string[]): Promise<{ readonly code: number; readonly output: string }> {
    const [program = '', ...before] = this.command;
    return attempt(program, [...before, '--project-name', this.name, '--file', FILE, ...args], {
      SANDPIPER_IMAGE: IMAGE,
      REDIS_IMAGE: BESIDE_IMAGE,
      PROMETHEUS_IMAGE: BESIDE_IMAGE,
      SANDPIPER_ADMIN_KEY: this.adminKey,
      SANDPIPER_METRICS_KEY_FILE: this.keyFile,
      // any free port
      SANDPIPER_PORT: '0',
      PROMETHEUS_PORT: '0',
    });
  }

  async up(...profile: string[]): Promise<void> {
    await this.must(...profile, 'up', '--detach', '--no-build');
  }

  async healthy(service: string): Promise<void> {
    await until(
      `${service} is healthy`,
      PATIENCE_MS,
      async () => (await this.inspect(service, '{{.State.Health.Status}}')) === 'healthy',
    );
  }

  /** Host and port of this machine. */
  address(service: string, port: number): Promise<string> {
    return this.must('--profile', 'monitoring', 'port', service, String(port));
  }

  async inspect(service: string, format: string): Promise<string> {
    return docker('inspect', '--format', format, await this.must('ps', '--quiet', service));
  }

  /** Its process, not by the engine: what the engine kills it does not start again. */
  async killWorker(): Promise<void> {
    process.kill(Number(await this.inspect('worker', '{{.State.Pid}}')), 'SIGKILL');
    await until('the worker was started again', PATIENCE_MS, async () =>
      (await this.inspect('worker', '{{.RestartCount}} {{.State.Running}}')).startsWith('1 true'),
    );
    await this.healthy('worker');
  }

  /** Whether the worker reaches the scheduler's port by its address in each network. */
  async reachedByWorker(): Promise<boolean[]> {
    const worker = await this.must('ps', '--quiet', 'worker');
    const reached: boolean[] = [];
    for (const network of ['inside', 'outside']) {
      const format = `{{(index .NetworkSettings.Networks "${this.name}_${network}").IPAddress}}`;
      const address = await this.inspect('scheduler', format);
      const { code } = await attempt('docker', ['exec', worker, 'node', '-e', PROBE, address]);
      reached.push(code === 0);
    }
    return reached;
  }

  async remove(): Promise<void> {
    await this.compose('--profile', 'monitoring', 'down', '--volumes');
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async must(...args: string[]): Promise<string> {
    const { code, output } = await this.compose(...args);
    if (code !== 0) throw new Error(`compose ${args.join(' ')}: ${output.slice(-1000)}`);
    return output;
  }
}

async function resultOf(api: Api): Promise<string> {
  const id = await api.submit({ source: 'print(6 * 7)' }, randomUUID());
  const result = await until('the run ends', PATIENCE_MS, async () => (await api.run(id, 10)).result);
  return `${result.status}: ${(result.stdout ?? '').trim()}`;
}

async function ask<T>(prometheus: string, path: string): Promise<T> {
  const reply = await fetch(`http://${prometheus}/api/v1/${path}`);
  return ((await reply.json()) as { data: T }).data;
}

interface Targets {
  readonly activeTargets: readonly { readonly health: string; readonly scrapePool: string }[];
}

/** Null until both jobs have a target, and every target answers. */
async function jobsUp(prometheus: string): Promise<string[] | null> {
  const { activeTargets } = await ask<Targets>(prometheus, 'targets');
  const jobs = [...new Set(activeTargets.map(({ scrapePool }) => scrapePool))].sort();
  return jobs.length === 2 && activeTargets.every(({ health }) => health === 'up') ? jobs : null;
}

async function rulesOf(prometheus: string): Promise<number> {
  const { groups } = await ask<{ groups: readonly { rules: readonly unknown[] }[] }>(prometheus, 'rules');
  return groups.reduce((sum, { rules }) => sum + rules.length, 0);
}
