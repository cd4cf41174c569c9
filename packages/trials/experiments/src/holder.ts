/** A process that holds cells with endless guests, as a node does. Usage: holder.js COUNT */
import { Cell, cgroupFolder } from '@sandpiper/controller';
import { jobOf } from './bench.js';

const count = Number(process.argv[2]);
const began: Promise<void>[] = [];
for (let id = 0; id < count; id++) {
  const cell = await Cell.start({ id, cpu: null, node: null, rpython: null });
  began.push(
    new Promise((resolve) => {
      const job = jobOf(`held-${id}`, 'print("begun", flush=True)\nimport time; time.sleep(1000)', {
        wallMs: 1_000_000,
      });
      const streams = { onOutput: () => resolve(), onInput: () => Promise.resolve(null) };
      void cell.runJob({ ...job, output: 'live' }, streams);
    }),
  );
}
await Promise.all(began);
const folder = cgroupFolder();
process.send?.({ groups: folder.kind === 'none' ? null : folder.directory });
