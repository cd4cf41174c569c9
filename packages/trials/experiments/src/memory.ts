import type { Bench } from './bench.js';
import type { Measurement } from './measurement.js';

const MIB = 1024 * 1024;

const TOUCH = `
import mmap, sys
m = mmap.mmap(-1, int(sys.argv[1]) << 20)
for i in range(0, len(m), 4096): m[i] = 1
`;

/** Programs that touch a known size: their reported peak. */
export async function memoryPeak(bench: Bench, step: () => void): Promise<Measurement[]> {
  const findings: Measurement[] = [];
  for (const size of [32, 64, 128, 256]) {
    const { status, usage, enforcement } = await bench.run(TOUCH, { memoryBytes: 512 * MIB }, [String(size)]);
    const peak = usage.peakMemoryBytes / MIB;
    const groups = enforcement.memory.startsWith('cgroup');
    const slack = groups ? 0.05 * size + 2 : 0.1 * size + 4;
    findings.push({
      experiment: `a program touching ${size} MiB: peak reported`,
      measured: `${peak.toFixed(1)} MiB (${enforcement.memory})`,
      required: `within ${groups ? '5% + 2' : '10% + 4'} MiB`,
      met: status === 'ok' && Math.abs(peak - size) <= slack,
    });
    step();
  }
  return findings;
}
