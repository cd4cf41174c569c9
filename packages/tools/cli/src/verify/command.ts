import { writeFile } from 'node:fs/promises';
import { prepareVerification, verify, VERIFY_PARTS, type VerifyPart } from '@sandpiper/grading';
import { allowedCompiler } from '../compiler.js';
import { EXIT } from '../exit-codes.js';
import { assertWritable } from '../grade/report-targets.js';
import { catchInterrupts } from '../interrupt.js';
import { patient } from '../patience.js';
import type { RuntimeOptions } from '../runtimes/runtime-options.js';
import { runtimeOfRequests, withService } from '../service/address.js';
import { createVerifyProgress } from './progress.js';
import { renderVerifyReport } from './render.js';

export interface VerifyCommandOptions extends RuntimeOptions {
  server?: string;
  json?: string;
  nodes?: number;
  retryUnreliable?: number;
  all?: boolean;
  compile?: boolean;
  parts?: readonly VerifyPart[];
}

/** `sandpiper verify`. Returns 0 when no error was found. */
export async function verifyCommand(path: string, options: VerifyCommandOptions): Promise<number> {
  const parts = new Set(options.parts ?? VERIFY_PARTS);
  if (options.json !== undefined) await assertWritable('--json', options.json);
  const interrupt = catchInterrupts(() =>
    process.stderr.write('sandpiper: stopping (press Ctrl-C again to quit at once)\n'),
  );
  const { signal } = interrupt;
  const progress = createVerifyProgress();
  try {
    // Input errors are reported before anything is started.
    const prepared = await prepareVerification(path, parts, { compiler: allowedCompiler(options) });
    const report = await withService(options, (client) =>
      verify(patient(client, signal, runtimeOfRequests(options)), prepared, {
        retryUnreliable: options.retryUnreliable ?? 0,
        runsAll: options.all === true,
        onProgress: progress.update,
        signal,
      }).finally(progress.stop),
    );
    if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(report, null, 2)}\n`);
    process.stdout.write(renderVerifyReport(report));
    return report.errors === 0 ? EXIT.ok : EXIT.failed;
  } catch (error) {
    if (signal.aborted) return EXIT.interrupted;
    throw error;
  } finally {
    interrupt.release();
  }
}
