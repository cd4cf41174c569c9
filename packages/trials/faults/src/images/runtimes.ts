import { type Observation, requirement } from '../observation.js';
import { attempt } from './docker.js';
import { POD_SECURITY, podMemory } from './farm.js';

/** Made by scripts/test-images of deploy/runtimes.Dockerfile, with the CPython and the NumPy of Debian 13. */
const IMAGE = 'sandpiper-runtimes';
const NUMPY = 'import numpy, sys; print(sys.implementation.name, numpy.arange(3).sum())';

/** A runtime that was added to the image, with the security of a pod. */
export async function runtimes(): Promise<Observation[]> {
  const checks = await inContainer('sandpiper', 'runtimes', 'check', 'python');
  const program = `require('fs').writeFileSync('/tmp/main.py', ${JSON.stringify(NUMPY)});
const { spawnSync } = require('child_process');
const { status } = spawnSync('sandpiper', ['run', '--runtime', 'python', '/tmp/main.py'], { stdio: 'inherit' });
process.exitCode = status;`;
  const run = await inContainer('node', '-e', program);
  return [
    requirement(
      'sandpiper runtimes check python',
      checks.output.split('\n').at(-1) ?? '',
      'This runtime is right.',
      checks.code === 0 && checks.output.includes('This runtime is right.'),
    ),
    requirement('a program with its NumPy', run.output.slice(-200), 'cpython 3', run.output === 'cpython 3'),
  ];
}

function inContainer(...command: string[]) {
  const limits = ['--network', 'none', '--cpus', '1', '--memory', `${podMemory(1)}m`];
  return attempt('docker', ['run', '--rm', ...POD_SECURITY, ...limits, IMAGE, ...command]);
}
