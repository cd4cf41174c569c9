import type { RunState } from '@sandpiper/contracts';
import type { Api } from '../api.js';
import { check } from '../checker.js';
import type { Cluster } from '../cluster.js';
import { requirement, type Observation } from '../observation.js';
import { type Stage, withCluster } from '../stage.js';
import { between, sleep, until } from '../wait.js';
import { Witness } from '../witness.js';

const LEASE = { SANDPIPER_LOCK_MS: '1000' };

/** Prints when the guest ended by itself, so that the result tells its attempt. */
const PROGRAM = 'import time; time.sleep(0.6); print("done")';

const LOST_ATTEMPTS = 'sandpiper_node_lost_attempts_total';

/** Time for an almost finished guest to end and for its result to be sent, milliseconds. */
const FROZEN_MS = 3_000;

/** In every other round the paused node resumes with a result. */
const withResult = (round: number): boolean => round % 2 === 0;

interface Round {
  readonly run: RunState;
  readonly shownAsLost: boolean;
  /** Attempts that the paused node counts as lost, and how many were refused results. */
  readonly lost: number;
  readonly refused: number;
  readonly after: string;
}

/** A node with a run is paused until its lease expires and another node has the run; then it resumes. */
export function nodePauses(stage: Stage, rounds: number): Promise<Observation[]> {
  return withCluster(stage, async (cluster, api) => {
    const witness = await Witness.begin(cluster.connect());
    await cluster.startScheduler();
    const played: Round[] = [];
    for (let round = 1; round <= rounds; round++) {
      played.push(await play(cluster, api, round));
      stage.say(`${round} of ${rounds} pauses`);
    }
    const { findings } = await check({
      redis: cluster.connect(),
      witness,
      acknowledged: played.map(({ run }) => run.id),
    });
    const count = (is: (round: Round) => boolean): number => played.filter(is).length;
    const all = (what: string, is: (round: Round) => boolean): Observation =>
      requirement(what, `${count(is)} of ${rounds}`, `${rounds}`, count(is) === rounds);
    return [
      all('paused past its lease, the node is shown as lost', ({ shownAsLost }) => shownAsLost),
      all(
        'the result is that of the other node, of the second attempt',
        ({ run, after }) => run.result?.node === after && run.result.attempt === 2,
      ),
      all('the program ended by itself', ({ run }) => run.result?.stdout === 'done\n'),
      all('the paused node counts a lost attempt when it resumes', ({ lost }) => lost === 1),
      requirement(
        'late results that were refused, where the node resumed with one',
        count(({ refused }) => refused > 0),
        // Where it notices the lost lock first, it kills the guest and has no result to submit.
        'at least 1',
        count(({ refused }) => refused > 0) >= 1,
      ),
      ...findings,
    ];
  });
}

/** Two new nodes each time: the one to be paused gets the run for certain, as it is alone then. */
async function play(cluster: Cluster, api: Api, round: number): Promise<Round> {
  const paused = await cluster.startNode({ env: LEASE });
  const id = await api.submit({ source: PROGRAM }, `pause-${round}`);
  await until('the run is taken', 60_000, async () => (await api.run(id)).state === 'running', 10);
  await sleep(between(0, 500));
  paused.signal('SIGSTOP');
  const other = await cluster.startNode({ env: LEASE });
  const isLost = async (): Promise<boolean> =>
    (await api.nodes()).some(({ name, state }) => name === paused.name && state === 'lost');
  const shownAsLost = await until('the paused node is lost', 30_000, isLost).catch(() => false);
  const first = await until('the other node has ended the run', 60_000, async () => {
    const run = await api.run(id, 5);
    return run.state === 'done' ? run : null;
  });
  if (withResult(round)) {
    // Until it has its result it does not learn that its lock is lost: so the store must refuse the result.
    cluster.redis.freeze();
    paused.signal('SIGCONT');
    await sleep(FROZEN_MS);
    cluster.redis.thaw();
  } else {
    paused.signal('SIGCONT');
  }
  const lost = await until('the paused node counts it', 30_000, async () => {
    const count = await paused.metric(LOST_ATTEMPTS);
    return count > 0 ? count : null;
  }).catch(() => 0);
  const refused = await paused.metric(LOST_ATTEMPTS, 'reason="result-refused"');
  // Whatever becomes of its late result, the run's result stays.
  await sleep(300);
  const run = await api.run(id);
  if (JSON.stringify(run) !== JSON.stringify(first)) throw new Error(`the result of ${id} has changed`);
  for (const node of [paused, other]) {
    node.signal('SIGTERM');
    await node.exit;
  }
  return { run, shownAsLost, lost, refused, after: other.name };
}
