import { z } from 'zod';
import { retriesSchema } from './cpu-wait.js';
import { type Limits, partialLimitsSchema, stackExceedsMemory } from './limits.js';

/** Bounds of a request, in bytes or counts; the schema and so the OpenAPI document contain them. */
export const REQUEST_BOUNDS = {
  sourceBytes: 8 * 1024 * 1024,
  stdinBytes: 64 * 1024 * 1024,
  files: 1000,
  /** Folders of the files; a folder counts once for each of its files. */
  folders: 16_384,
  args: 256,
  /**
   * Of one argument, or of a variable with its name and {@link VARIABLE_OVERHEAD}: MAX_ARG_STRLEN of
   * execve(2), less its NUL.
   */
  wordBytes: 128 * 1024 - 1,
  /**
   * Of all arguments and variables together, with {@link WORD_OVERHEAD} for each: half of what execve(2)
   * takes.
   */
  wordsBytes: 1024 * 1024,
  env: 256,
  outputs: 100,
  /** All names of outputs as JSON: the result repeats them. */
  outputNamesBytes: 64 * 1024,
} as const;

/** A NUL and a pointer in the vector. */
const WORD_OVERHEAD = 1 + 8;
/**
 * "=", and the prefix that keeps a variable from the dynamic loader
 * (packages/sandbox/guest/native/shim/shim.h).
 */
const VARIABLE_OVERHEAD = 'GUEST_='.length;

/** Checks the sizes of arguments and variables for starting a program; null when they fit. */
export function wordsFault(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): { readonly path: (string | number)[]; readonly message: string } | null {
  const variables = Object.entries(env).map(
    ([name, value]) =>
      [['env', name], Buffer.byteLength(name) + Buffer.byteLength(value) + VARIABLE_OVERHEAD] as const,
  );
  const words = [...args.map((arg, i) => [['args', i], Buffer.byteLength(arg)] as const), ...variables];
  let all = 0;
  for (const [path, bytes] of words) {
    const [what] = path;
    if (bytes > REQUEST_BOUNDS.wordBytes) {
      const most = `at most ${REQUEST_BOUNDS.wordBytes} bytes`;
      const message = what === 'args' ? most : `a variable and its name have ${most}`;
      return { path: [...path], message };
    }
    all += bytes + WORD_OVERHEAD;
    if (all > REQUEST_BOUNDS.wordsBytes) {
      const message = `arguments and variables have at most ${REQUEST_BOUNDS.wordsBytes} bytes together, ${WORD_OVERHEAD} more counted for each`;
      return { path: [what], message };
    }
  }
  return null;
}

const noNul = (what: string) => z.string().refine((s) => !s.includes('\0'), `${what} must not hold a NUL`);

const isPlain = (name: string): boolean =>
  name.split('/').every((part) => part !== '' && part !== '.' && part !== '..');

const nameSchema = noNul('a file name')
  .min(1)
  .max(1024)
  .refine(
    (name) => name.split('/').every((part) => Buffer.byteLength(part) <= 255),
    'a part of it is longer than 255 bytes',
  )
  // In UTF-8 all lone surrogates would become the same name.
  .refine((name) => !/\p{Surrogate}/u.test(name), 'is not well-formed Unicode');

/** A relative path without empty, `.` or `..` parts: it cannot leave the run's folder. */
export const fileNameSchema = nameSchema.refine(
  isPlain,
  'must be a relative path without empty, "." or ".." parts',
);

/** The folder of a run from the API, in which it starts. */
export const RUN_FOLDER = '/box';

const SYSTEM_FOLDER = /^\/(?:bin|dev(?!\/shm(?:\/|$))|etc|lib|lib32|lib64|libx32|proc|sbin|sys|usr)(?:\/|$)/;

/** Whether an absolute path lies in a folder that shows the interpreter, its libraries or the machine, or is one. */
export const isInSystemFolder = (path: string): boolean => SYSTEM_FOLDER.test(path);

/** Where a file of a run lies, or one that it is to leave: below its folder, or absolute and in no system folder. */
export const filePathSchema = nameSchema
  .refine(
    (path) => isPlain(path.replace(/^\//, '')),
    'must be a relative or absolute path without empty, "." or ".." parts',
  )
  .refine((path) => !isInSystemFolder(path), 'must not lie in a folder of the system, such as /usr or /etc');

/** The same file by one name, whether it was named from the run's folder or from the root. */
const placeOf = (path: string): string =>
  path.startsWith(`${RUN_FOLDER}/`) ? path.slice(RUN_FOLDER.length + 1) : path;

/**
 * Finds two file names that conflict, and returns the later one: equal names, or a file where the other name
 * needs a folder. Null without a conflict.
 */
export function clashOf(
  names: readonly string[],
): { readonly index: number; readonly message: string } | null {
  // With the smallest character as separator, a name sorts directly before the names below it.
  const sorted = names.map((name, index) => ({ name: name.replaceAll('/', '\0'), index }));
  sorted.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.index - b.index));
  for (const [at, { name, index }] of sorted.entries()) {
    const next = sorted[at + 1];
    if (next === undefined || !`${next.name}\0`.startsWith(`${name}\0`)) continue;
    const message =
      next.name === name ? 'is given twice' : `${JSON.stringify(names[index])} is a file and a folder`;
    return { index: Math.max(index, next.index), message };
  }
  return null;
}

/** Number of folders of the files; a folder counts once for each of its files. */
const foldersOf = (names: readonly string[]): number =>
  names.reduce((sum, name) => sum + name.split('/').length - 1, 0);

const base64 = (max: number) => z.base64().max(Math.ceil((max * 4) / 3) + 4);

export const runFileSchema = z
  .strictObject({
    name: filePathSchema.describe('Below the folder of the run, or absolute; not in a folder of the system'),
    content: z.string().max(REQUEST_BOUNDS.sourceBytes).optional(),
    contentBase64: base64(REQUEST_BOUNDS.sourceBytes).optional(),
  })
  .refine((f) => (f.content === undefined) !== (f.contentBase64 === undefined), {
    message: 'give exactly one of content and contentBase64',
    path: ['content'],
  })
  .meta({ id: 'RunFile' });

export type RunFile = z.infer<typeof runFileSchema>;

/**
 * `seccomp`: the stock pypy3 under the shim. `rpython`: a PyPy translated with `--sandbox`, where a node has
 * one.
 */
export const ENGINES = ['seccomp', 'rpython'] as const;
export const engineSchema = z.enum(ENGINES).meta({ id: 'Engine' });
export type Engine = z.infer<typeof engineSchema>;

const envSchema = z
  .record(
    z
      .string()
      .min(1)
      .max(256)
      .regex(/^[^=\0]+$/, 'a variable name must not contain "=" or NUL'),
    noNul('a variable').max(REQUEST_BOUNDS.wordBytes),
  )
  .refine((env) => Object.keys(env).length <= REQUEST_BOUNDS.env, `at most ${REQUEST_BOUNDS.env} variables`);

/** Default start of a deterministic run's clock: the first second of 2020, UTC. Seconds since 1970. */
export const DEFAULT_EPOCH_S = 1_577_836_800;
export const DEFAULT_SEED = '0';

/** The body of `POST /v1/runs`; batches and the queue use the same object. */
export const runRequestSchema = z
  .strictObject({
    source: z.string().max(REQUEST_BOUNDS.sourceBytes).optional().describe('The program, as text'),
    files: z.array(runFileSchema).max(REQUEST_BOUNDS.files).optional(),
    entry: fileNameSchema.optional().describe('The file to run; default main.py'),
    args: z
      .array(noNul('an argument').max(REQUEST_BOUNDS.wordBytes))
      .max(REQUEST_BOUNDS.args)
      .optional()
      .describe('With env at most 1 MiB together, each at most 131071 bytes'),
    stdin: z.string().max(REQUEST_BOUNDS.stdinBytes).optional(),
    stdinBase64: base64(REQUEST_BOUNDS.stdinBytes).optional(),
    env: envSchema.optional(),
    engine: engineSchema.optional(),
    deterministic: z
      .strictObject({
        seed: z.string().max(256).optional().describe('Seed of all randomness; default 0'),
        epoch: z
          .number()
          .int()
          .min(0)
          .max(253_402_300_799)
          .optional()
          .describe('Start of the simulated clock, seconds since 1970; default the first second of 2020'),
      })
      .optional()
      .describe('Simulated clock and seeded randomness: the same run every time'),
    combined: z
      .boolean()
      .optional()
      .describe(
        'One output for stdout and stderr, in the order of the writes: `combined` of the result. A live run shows it as stdout',
      ),
    retryUnreliable: retriesSchema
      .optional()
      .describe(
        'How often to run it again while it meets its wall limit because it waited for a CPU; default 0',
      ),
    outputs: z
      .array(filePathSchema)
      .max(REQUEST_BOUNDS.outputs)
      .refine(
        (names) => Buffer.byteLength(JSON.stringify(names)) <= REQUEST_BOUNDS.outputNamesBytes,
        `the names together take more than ${REQUEST_BOUNDS.outputNamesBytes} bytes`,
      )
      .optional()
      .describe(
        'Files to return in the result, as the run leaves them; absolute, or below the folder of the run',
      ),
    limits: partialLimitsSchema.optional(),
    accept: z
      .strictObject({
        weakerLimits: z
          .boolean()
          .optional()
          .describe(
            'true: run even where the node has less memory than the limit; false: only where a control group holds the memory limit',
          ),
      })
      .optional(),
    priority: z.number().int().min(0).max(100).optional().describe('0 is served first; default 50'),
    tags: z.array(z.string().min(1).max(128)).max(16).optional(),
    callbackUrl: z
      .url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL' })
      .max(2048)
      .optional()
      .describe('Receives the result by a signed POST when the run has ended'),
    live: z
      .boolean()
      .optional()
      .describe(
        'Output can be followed during the run, and its standard input is fed over /v1/runs/ID/stream',
      ),
    idempotencyKey: z.string().min(1).max(256).optional(),
  })
  .refine((r) => r.source !== undefined || (r.files !== undefined && r.files.length > 0), {
    message: 'give source or files',
    path: ['source'],
  })
  .refine((r) => !(r.source !== undefined && r.files?.some((f) => f.name === (r.entry ?? 'main.py'))), {
    message: 'source and a file of the entry name are both given',
    path: ['files'],
  })
  .refine(
    (r) => r.source !== undefined || r.files?.some((f) => f.name === (r.entry ?? 'main.py')) !== false,
    { message: 'no file has the name of the entry', path: ['entry'] },
  )
  .superRefine((r, context) => {
    const words = wordsFault(r.args ?? [], r.env ?? {});
    if (words !== null) context.addIssue({ code: 'custom', ...words });
    if (stackExceedsMemory(r.limits ?? {})) {
      const message = 'is more than the memory limit; the stack is a part of the memory';
      context.addIssue({ code: 'custom', path: ['limits', 'stackBytes'], message });
    }
    const entry = r.source === undefined ? [] : [r.entry ?? 'main.py'];
    if (foldersOf((r.files ?? []).map(({ name }) => name)) > REQUEST_BOUNDS.folders) {
      const message = `the files lie in more than ${REQUEST_BOUNDS.folders} folders, each counted for each of its files`;
      context.addIssue({ code: 'custom', path: ['files'], message });
    }
    const file = clashOf([...entry, ...(r.files ?? []).map(({ name }) => placeOf(name))]);
    if (file !== null) {
      const path = ['files', file.index - entry.length, 'name'];
      context.addIssue({ code: 'custom', path, message: file.message });
    }
    const output = clashOf((r.outputs ?? []).map(placeOf));
    if (output !== null) {
      context.addIssue({ code: 'custom', path: ['outputs', output.index], message: output.message });
    }
  })
  .refine((r) => r.stdin === undefined || r.stdinBase64 === undefined, {
    message: 'give at most one of stdin and stdinBase64',
    path: ['stdin'],
  })
  .refine((r) => r.live !== true || (r.stdin === undefined && r.stdinBase64 === undefined), {
    message: 'a live run is fed over its stream; leave out stdin and stdinBase64',
    path: ['live'],
  })
  .refine((r) => r.live !== true || (r.retryUnreliable ?? 0) === 0, {
    message:
      'the output of a live run is seen as it comes, so it cannot run again; leave out retryUnreliable',
    path: ['live'],
  })
  .refine((r) => r.live !== true || r.deterministic === undefined, {
    message: 'a deterministic run needs all of its input in the request',
    path: ['live'],
  })
  .meta({ id: 'RunRequest' });

export type RunRequest = z.infer<typeof runRequestSchema>;

/** A run as admission lets it in and as it is stored: its limits are complete, and nothing completes them again. */
export type AdmittedRequest = Omit<RunRequest, 'limits' | 'idempotencyKey'> & { readonly limits: Limits };
