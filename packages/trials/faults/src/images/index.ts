import type { Scenario } from '../stage.js';
import { compose } from './compose.js';
import { contents } from './contents.js';
import { memoryBounds } from './memory.js';
import { pod } from './pod.js';
import { rolling } from './rolling.js';
import { runtimes } from './runtimes.js';

/** Trials of the image, in the order in which they are played. */
export const IMAGE_SCENARIOS: readonly Scenario[] = [
  { name: 'contents', title: 'what is in the image, and what is not', play: contents },
  {
    name: 'pod',
    title: 'the image with the security of a pod: a load, a drain, its CPUs',
    play: (stage, quick) => pod(stage, { runs: quick ? 60 : 200 }),
  },
  { name: 'memory', title: 'runs that want as much memory as their container has', play: memoryBounds },
  { name: 'runtimes', title: 'the image with the Python of another image', play: runtimes },
  {
    name: 'rolling',
    title: 'three workers and two schedulers are replaced one by one, under 20 runs a second',
    play: (stage, quick) => rolling(stage, quick ? 20 : 120),
  },
  { name: 'compose', title: 'the file of Compose with Prometheus: up, a run, down', play: compose },
];
