import { Api } from './api.js';
import { Cluster } from './cluster.js';
import type { Observation } from './observation.js';

/** The set-up that a scenario is played on. */
export interface Stage {
  /** Progress, one short line. */
  readonly say: (line: string) => void;
  /** Keep folders with the logs of failures. */
  readonly keep: boolean;
}

export interface Scenario {
  readonly name: string;
  readonly title: string;
  /** Needs the whole machine, and is part of a quick run only when it is named. */
  readonly benchmark?: boolean;
  play(stage: Stage, quick: boolean): Promise<Observation[]>;
}

/** Plays on a cluster that is removed afterwards, whatever happens. */
export async function withCluster(
  stage: Stage,
  play: (cluster: Cluster, api: Api) => Promise<Observation[]>,
): Promise<Observation[]> {
  const cluster = await Cluster.start();
  let failed = true;
  try {
    const findings = await play(cluster, new Api(cluster.urls));
    failed = findings.some(({ met }) => met === false);
    return findings;
  } finally {
    const keepFolder = failed && stage.keep;
    await cluster.stop(keepFolder);
    if (keepFolder) stage.say(`logs are kept in ${cluster.folder}`);
  }
}

/** Prints at most once in this time, milliseconds. */
export function seldom(say: (line: string) => void, everyMs = 5_000): (line: string) => void {
  let last = performance.now();
  return (line) => {
    if (performance.now() - last < everyMs) return;
    last = performance.now();
    say(line);
  };
}
