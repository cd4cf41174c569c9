import type { SandpiperClient } from '@sandpiper/client';
import { filePathSchema, REQUEST_BOUNDS, type RunFile, type RunRequest } from '@sandpiper/contracts';
import { InputError, readBounded } from '@sandpiper/grading/basics';
import { EXIT } from '../exit-codes.js';
import { catchInterrupts } from '../interrupt.js';
import { countInputs, groupInputs } from './inputs.js';
import { openOutput, outputLine } from './outputs.js';
import { mapInputs, type MapService } from './pipeline.js';
import { MapProgress } from './progress.js';
import { type LimitOptions, limitsOf } from '../limit-options.js';
import type { RuntimeOptions } from '../runtimes/runtime-options.js';
import { quote, type Pair } from '../options.js';
import { Patience } from '../patience.js';
import { parseRequest } from '../run/input.js';
import { runtimeOfRequests, withService } from '../service/address.js';

export interface MapOptions extends LimitOptions, RuntimeOptions {
  server?: string;
  nodes?: number;
  out?: string;
  resume?: boolean;
  from?: number;
  requests?: boolean;
  full?: boolean;
  inFlight?: number;
  retryUnreliable?: number;
  file?: Pair[];
  env?: Pair[];
}

/** Batches of up to 200 lines in flight at once: enough to keep every cell busy. */
const DEFAULT_IN_FLIGHT = 4;

/** `sandpiper map`: a program over many inputs, outputs in the order of the inputs. */
export async function mapCommand(program: string, inputs: string, options: MapOptions): Promise<number> {
  if (options.resume === true && options.out === undefined) {
    throw new InputError('--resume needs --out FILE; with standard output use --from N');
  }
  if (options.from !== undefined && options.out !== undefined) {
    throw new InputError('--from is for standard output; with --out FILE use --resume');
  }
  const base = await baseRequest(program, options);
  const total = await countInputs(inputs);
  const output = await openOutput(options.out, options.resume === true, options.from ?? 0);
  if (total !== null && output.from > total) {
    throw new InputError(`${inputs}: has only ${total} lines, but ${output.from} are marked as done`);
  }
  const interrupt = catchInterrupts();
  const { signal } = interrupt;
  const progress = new MapProgress(total, output.from);
  let written = output.from;
  try {
    await withService(options, async (client) => {
      const outputs = mapInputs(serviceOf(client, signal), {
        base,
        groups: groupInputs(inputs, output.from),
        asRequests: options.requests === true,
        inFlight: options.inFlight ?? DEFAULT_IN_FLIGHT,
        signal,
        onEnded: (run) => progress.ended(run),
      });
      for await (const { index, run } of outputs) {
        await output.write(outputLine(index, run, options.full === true));
        written = index + 1;
      }
    });
  } catch (error) {
    progress.stop();
    printHowToResume(written, total, options);
    if (signal.aborted) return EXIT.interrupted;
    throw error;
  } finally {
    interrupt.release();
    await output.close();
  }
  progress.stop();
  process.stderr.write(`sandpiper: ${progress.summary()}\n`);
  return progress.failures === 0 ? EXIT.ok : EXIT.failed;
}

/** What all runs have in common. */
async function baseRequest(program: string, options: MapOptions): Promise<RunRequest> {
  const files: RunFile[] = [];
  for (const { name, value } of [{ name: 'main.py', value: program }, ...(options.file ?? [])]) {
    const checked = filePathSchema.safeParse(name);
    if (!checked.success || files.some((file) => file.name === name)) {
      const why = checked.success ? 'is given twice' : (checked.error.issues[0]?.message ?? 'is wrong');
      throw new InputError(`--file ${quote(name)}: ${why}`);
    }
    const contentBase64 = (await readBounded(value, REQUEST_BOUNDS.sourceBytes)).toString('base64');
    files.push({ name, contentBase64 });
  }
  return parseRequest({
    files,
    limits: limitsOf(options),
    ...runtimeOfRequests(options),
    ...(options.retryUnreliable === undefined ? {} : { retryUnreliable: options.retryUnreliable }),
    ...(options.env === undefined
      ? {}
      : { env: Object.fromEntries(options.env.map(({ name, value }) => [name, value])) }),
  });
}

/** The client, which waits and retries while the server is overloaded. */
function serviceOf(client: SandpiperClient, signal: AbortSignal): MapService {
  const patience = new Patience(signal);
  return {
    streamBatch: (runs, options) => patience.retry(() => client.streamBatch(runs, options)),
    followBatch: (id, options) => client.followBatch(id, options),
    cancelBatch: (id) => client.cancelBatch(id),
  };
}

function printHowToResume(written: number, total: number | null, { out }: MapOptions): void {
  const of = total === null ? '' : ` of ${total}`;
  const how = out === undefined ? `--from ${written} ... >> OUTPUTS` : `--out ${out} --resume`;
  process.stderr.write(
    `sandpiper: stopped with ${written}${of} outputs written; resume with: sandpiper map ${how}\n`,
  );
}
