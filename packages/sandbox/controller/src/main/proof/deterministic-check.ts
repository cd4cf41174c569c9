import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { firstLine, messageOf } from '@sandpiper/contracts';
import { Cell } from '../cell/cell.js';
import type { HostCheck } from './host-check.js';
import { PATIENT, SelfTestBench } from './self-test-bench.js';

/**
 * For `sandpiper doctor`: whether this host can run the same program the same way twice. It takes fixed addresses
 * (personality(2)) and a hidden counter of the processor (PR_SET_TSC), which gVisor's kernel refuses; a run that asks
 * for it is refused there.
 */
export async function checkDeterministic(): Promise<HostCheck> {
  const why = await trouble();
  return {
    name: 'deterministic',
    ok: why === null,
    required: false,
    detail: why === null ? 'runs can repeat exactly' : `such runs are refused here: ${why}`,
    fix: null,
  };
}

async function trouble(): Promise<string | null> {
  const folder = mkdtempSync(join(tmpdir(), 'sandpiper-deterministic-'));
  let cell: Cell | null = null;
  try {
    cell = await Cell.start({ id: null, cpu: null, node: null, rpython: null, profile: null });
    const bench = new SelfTestBench(cell, folder);
    const result = await bench.run('', PATIENT, { engine: 'seccomp' }, 'cold', {
      seed: '0',
      epochMs: 0,
      transcriptPath: null,
    });
    return result.status === 'ok' ? null : (result.message ?? result.status);
  } catch (error) {
    return firstLine(messageOf(error)).slice(0, 200);
  } finally {
    await cell?.close().catch(() => undefined);
    rmSync(folder, { recursive: true, force: true });
  }
}
