import { randomBytes } from 'node:crypto';
import { completeLimits, type RunRequest } from '@sandpiper/contracts';
import { Api, Cluster, Neighbour, openHouse, quietHellos } from '@sandpiper/faults';
import { attackFiles } from '../attack-files.js';
import type { Attack, Behaviour } from '../behaviour.js';
import { attacksOn } from '../plan.js';
import { ReadinessProbe } from './readiness-probe.js';

/** The other tenant may wait this multiple of the quiet time, or this long, milliseconds. */
const TIMES_QUIET = 5;
const MIN_ALLOWED_MS = 500;

/** Slack for an attack's end after its limit, milliseconds; a busy machine needs it. */
const LATE_MS = 60_000;

export interface BesideOptions {
  /** An attack is repeated until this many hellos have been answered. */
  readonly hellos: number;
  /** The first attack of a behaviour alone. */
  readonly first: boolean;
}

/** What another tenant observed during a behaviour. */
export interface Beside {
  /** All that was not as it must be, but for the time that answers took; in lines. */
  readonly faults: readonly string[];
  /** What was too slow, in a line; null where nothing was. */
  readonly slow: string | null;
  readonly hellos: number;
  readonly p99Ms: number;
  readonly allowedMs: number;
  /** How often programs of it were run. */
  readonly attacks: number;
}

/** A service with a node of two cells and two tenants: one attacks, the other sends a hello every 200 ms. */
export class Street {
  private constructor(
    private readonly cluster: Cluster,
    private readonly attacker: Api,
    private readonly neighbour: Neighbour,
    private readonly readiness: ReadinessProbe,
    /** 99 of 100 results may take as long, milliseconds. */
    readonly allowedMs: number,
  ) {}

  /** @param quietSeconds how long it is watched without an attack, to compare with */
  static async open(quietSeconds: number): Promise<Street> {
    const cluster = await Cluster.start();
    try {
      const house = await openHouse(cluster, new Api(cluster.urls));
      const [attacker, other] = await Promise.all([house.tenant('attacker'), house.tenant('other')]);
      // The first runs of a cell are slower than all that follow.
      await quietHellos(other.api, 'warm-up', 2);
      const quiet = await quietHellos(other.api, 'quiet', quietSeconds);
      if (quiet.faults.length > 0) throw new Error(`without an attack: ${quiet.faults[0]}`);
      const allowedMs = Math.max(TIMES_QUIET * quiet.resultP99, MIN_ALLOWED_MS);
      const neighbour = new Neighbour(other.api, 'beside');
      return new Street(cluster, attacker.api, neighbour, new ReadinessProbe(house.node.url), allowedMs);
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  /** Lets a behaviour go on beside the neighbour. @returns why not, where no run of a service can do it */
  async play(behaviour: Behaviour, { hellos, first }: BesideOptions): Promise<Beside | string> {
    const attacks = attacksOn(behaviour, 'seccomp forked');
    if (typeof attacks === 'string') return attacks;
    const [one] = attacks ?? [];
    if (attacks === null || one === undefined)
      return 'its attacks are on guests that are started cold, which this node has none of';
    await this.neighbour.settle();
    this.neighbour.take();
    this.readiness.take();
    const faults: string[] = [];
    let count = 0;
    do {
      for (const attack of first ? [one] : attacks) {
        faults.push(...(await this.attack(attack)));
        count += 1;
      }
    } while (this.neighbour.ended < hellos && faults.length === 0);
    await this.neighbour.settle();
    const seen = this.neighbour.take();
    const p99Ms = seen.resultP99;
    const late = p99Ms > this.allowedMs;
    return {
      faults: [
        ...faults,
        ...[...new Set(seen.faults)].map((fault) => `the neighbour: ${fault}`),
        ...this.readiness.take(),
      ],
      slow: late
        ? `the neighbour waited ${Math.round(p99Ms)} ms where ${Math.round(this.allowedMs)} are allowed`
        : null,
      hellos: seen.count,
      p99Ms,
      allowedMs: this.allowedMs,
      attacks: count,
    };
  }

  async close(): Promise<void> {
    await this.readiness.stop();
    await this.neighbour.stop();
    await this.cluster.stop();
  }

  /** Sends it and waits for its end: how it ends is judged where it is run alone. */
  private async attack(attack: Attack): Promise<string[]> {
    const key = randomBytes(12).toString('hex');
    try {
      const request = requestOf(attack, key);
      const id = await this.attacker.submit(request, key);
      const deadline = performance.now() + completeLimits(request.limits).wallMs + LATE_MS;
      while (performance.now() < deadline) {
        const { state, result } = await this.attacker.run(id, 20);
        if (state !== 'done') continue;
        const unjust = result?.status === 'internal-error' && attack.expect.status !== 'internal-error';
        return unjust ? [`the attack ended as internal-error: ${result.message}`] : [];
      }
      return ['the attack has not ended'];
    } catch (error) {
      return [`the attack cannot be sent: ${(error as Error).message}`];
    }
  }
}

function requestOf(attack: Attack, own: string): RunRequest {
  return {
    files: attackFiles(attack, true, own).map(({ name, data }) => ({
      name,
      contentBase64: data.toString('base64'),
    })),
    args: [...(attack.args ?? [])],
    env: { ...attack.env, GIVEN: own },
    stdin: `${own}\n`,
    ...(attack.limits === undefined ? {} : { limits: attack.limits }),
  };
}
