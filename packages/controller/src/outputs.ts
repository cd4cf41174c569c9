import { posix } from 'node:path';
import { encodeBytes, MAX_OUTPUT_FILES_BYTES, type OutputFile } from '@sandpiper/contracts';
import type { GuestKernel } from '@sandpiper/kernel';
import type { GuestJob } from './job.js';

/** The files that were asked for, as far as the run left them and the bound has room; of the others, why not. */
export function collectOutputs(
  kernel: GuestKernel,
  job: Pick<GuestJob, 'folder' | 'outputs'>,
): { outputs: OutputFile[]; missingOutputs: Record<string, string> } {
  const outputs: OutputFile[] = [];
  const missing: [string, string][] = [];
  let room = MAX_OUTPUT_FILES_BYTES;
  for (const name of new Set(job.outputs)) {
    const found = kernel.fileLeft(posix.join(job.folder, name), room);
    if ('why' in found) {
      missing.push([name, found.why]);
      continue;
    }
    room -= found.data.length;
    const encoded = encodeBytes(found.data);
    outputs.push(
      'text' in encoded ? { name, content: encoded.text } : { name, contentBase64: encoded.base64 },
    );
  }
  return { outputs, missingOutputs: Object.fromEntries(missing) };
}
