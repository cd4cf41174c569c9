import { posix } from 'node:path';
import { completeLimits, decodeBytes, type RunRequest } from '@sandpiper/contracts';
import { type GuestFile, type GuestJob, RUN_FOLDER } from './job.js';

/** The job that a request of the API stands for. */
export function jobOfRequest(run: { id: string; request: RunRequest; attempt: number }): GuestJob {
  const { request } = run;
  const entry = request.entry ?? 'main.py';
  const files: GuestFile[] = (request.files ?? []).map((file) => ({
    path: posix.join(RUN_FOLDER, file.name),
    data: decodeBytes(file.content, file.contentBase64),
  }));
  if (request.source !== undefined) {
    files.push({ path: posix.join(RUN_FOLDER, entry), data: Buffer.from(request.source) });
  }
  return {
    id: run.id,
    attempt: run.attempt,
    engine: request.engine ?? 'seccomp',
    programPath: entry,
    args: request.args ?? [],
    env: request.env ?? {},
    folder: RUN_FOLDER,
    files,
    stdin: { kind: 'buffer', data: decodeBytes(request.stdin, request.stdinBase64) },
    output: 'capture',
    tracePath: null,
    limits: completeLimits(request.limits),
  };
}
