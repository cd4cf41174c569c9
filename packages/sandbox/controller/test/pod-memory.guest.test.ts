import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { groupChain } from '../src/crossing/groups.js';

const MIB = 1024 * 1024;
/** Enough for a small node, and little more. */
const POD_BYTES = 400 * MIB;

/** A real group with a memory limit, where this host lets us make one. */
const chain = process.getuid?.() === 0 ? groupChain('memory') : null;
const above = chain?.directories[0];
if (above === undefined)
  process.stderr.write('skipped: no control groups for memory that we could make groups in\n');
const pod = join(above ?? '', `sandpiper-pod-${process.pid}`);

const takes = (mebibytes: number) => `
import mmap, time
print('begun', flush=True)
m = mmap.mmap(-1, ${mebibytes} << 20)
for i in range(0, len(m), 4096): m[i] = 1
time.sleep(60)`;

describe.skipIf(above === undefined)('a guest that the kernel ends when its pod is out of memory', () => {
  beforeAll(() => {
    mkdirSync(pod);
    const version1 = chain?.version === 1;
    writeFileSync(join(pod, version1 ? 'memory.limit_in_bytes' : 'memory.max'), String(POD_BYTES));
    if (version1 && existsSync(join(pod, 'memory.swappiness')))
      writeFileSync(join(pod, 'memory.swappiness'), '0');
  });

  afterAll(() => {
    // Of version 2: what the node has moved itself into.
    for (const name of readdirSync(pod, { withFileTypes: true }))
      if (name.isDirectory()) rmdirSync(join(pod, name.name));
    rmdirSync(pod);
  });

  it.each([
    ['off', false],
    ['off', true],
    ['auto', false],
    ['auto', true],
  ])('is retried where others used the memory: groups %s, forked %s', async (groups, forked) => {
    const answer = await runInPod({ source: takes(8), memoryBytes: 128 * MIB, hog: true, forked }, groups);
    expect(answer).toEqual({ error: 'HostShortOfMemoryError' });
  });

  it.each(['off', 'auto'])('has met its limit where it used the memory: groups %s', async (groups) => {
    const answer = await runInPod({ source: takes(2000), memoryBytes: 4096 * MIB }, groups);
    expect(answer).toMatchObject({ status: 'memory-limit' });
  });

  it('has met its own limit during that', async () => {
    const answer = await runInPod({ source: takes(100), memoryBytes: 32 * MIB }, 'auto');
    expect(answer).toMatchObject({ status: 'memory-limit' });
  });
});

/** In a process of its own, which enters the group first. */
function runInPod(run: object, groups: string): Promise<unknown> {
  const script = fileURLToPath(new URL('run-in-pod.mjs', import.meta.url));
  const command = `echo $$ > ${pod}/cgroup.procs; exec "$0" "$@"`;
  // As services have it: memory that is freed goes back to the host.
  const env = { ...process.env, SANDPIPER_CGROUPS: groups, MALLOC_MMAP_THRESHOLD_: '262144' };
  return new Promise((resolve, reject) => {
    const words = ['-c', command, process.execPath, script, JSON.stringify(run)];
    execFile('sh', words, { env }, (error, stdout, stderr) => {
      if (error !== null) reject(new Error(`${error.message}: ${stderr}`));
      else resolve(JSON.parse(stdout));
    });
  });
}
