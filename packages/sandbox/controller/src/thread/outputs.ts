import { posix } from 'node:path';
import { type ByteEncoder, fieldsOf, MAX_OUTPUT_FILES_BYTES, type OutputFile } from '@sandpiper/contracts';
import type { GuestKernel } from '@sandpiper/kernel';
import type { GuestJob } from '../crossing/job.js';

/** The requested files, as far as the run left them and the bound has room; for the others, the reason. */
export function collectOutputs(
  kernel: GuestKernel,
  job: Pick<GuestJob, 'folder' | 'outputs'>,
  encoder: ByteEncoder,
): { outputs: OutputFile[]; missingOutputs: Record<string, string> } {
  const outputs: OutputFile[] = [];
  const missing: [string, string][] = [];
  let room = MAX_OUTPUT_FILES_BYTES;
  for (const name of new Set(job.outputs)) {
    const found = kernel.fileLeft(posix.resolve(job.folder, name), room);
    if ('why' in found) {
      missing.push([name, found.why]);
      continue;
    }
    room -= found.data.length;
    outputs.push({ name, ...fieldsOf('content', encoder.encode(found.data)) });
  }
  return { outputs, missingOutputs: Object.fromEntries(missing) };
}
