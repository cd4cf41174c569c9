import { readFileSync, statSync } from 'node:fs';
import { dirname, isAbsolute, resolve } from 'node:path';
import { DEFAULT_RUNTIME_NAME, firstLine, messageOf, runtimeNameSchema } from '@sandpiper/contracts';
import { parseYamlText, YamlError } from '@sandpiper/contracts/yaml';
import { z } from 'zod';
import { assertInterpreterFiles } from '../../crossing/interpreter-files.js';
import { RunRefusedError } from '../../crossing/refused.js';
import { DEFAULT_RUNTIME, type Runtime } from '../../crossing/runtime.js';

const MAX_BYTES = 1024 * 1024;
const MAX_RUNTIMES = 64;
const MAX_LIST = 200;

/** Libraries of numerics start as many threads as the host has CPUs, and a guest has one thread. */
const ONE_THREAD = Object.fromEntries(
  ['OPENBLAS', 'OMP', 'MKL', 'NUMEXPR', 'VECLIB_MAXIMUM', 'BLIS'].map((name) => [`${name}_NUM_THREADS`, '1']),
);

/** A file of runtimes, or one of its runtimes, is wrong. The message is one line that names the file and the place. */
export class RuntimeFileError extends Error {
  override readonly name = 'RuntimeFileError';
}

const absolute = z.string().refine((path) => isAbsolute(path), { error: 'must be an absolute path' });

const runtimeSchema = z
  .strictObject({
    interpreter: absolute.describe('path of the interpreter, in the root where there is one'),
    root: z
      .string()
      .min(1)
      .optional()
      .describe('folder that holds a whole file system; without one, the interpreter is the host’s'),
    libraries: z
      .array(z.string().min(1))
      .max(MAX_LIST)
      .optional()
      .describe('folders of modules, as `pip install --target` makes them; read-only'),
    profile: z
      .array(z.string().regex(/^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$/, 'must be the name of a module'))
      .max(MAX_LIST)
      .optional()
      .describe('modules that are imported before programs begin; without a list, those of the node'),
    environment: z
      .record(z.string().regex(/^[A-Za-z_]\w*$/, 'must be the name of a variable'), z.string())
      .optional()
      .describe('variables of the programs'),
  })
  .describe('A runtime');

export const runtimesFileSchema = z.strictObject({
  runtimes: z
    .record(runtimeNameSchema, runtimeSchema)
    .refine((named) => Object.keys(named).length <= MAX_RUNTIMES, {
      error: `must be at most ${MAX_RUNTIMES} runtimes`,
    }),
});

/**
 * The runtimes that a file describes, and the default one, which the file may replace. Paths are relative to the file.
 * @param file null: none, and so the default one alone
 * @throws RuntimeFileError
 */
export function readRuntimes(file: string | null): readonly Runtime[] {
  if (file === null) return [DEFAULT_RUNTIME];
  const { runtimes } = check(parse(file), file);
  const folder = dirname(resolve(file));
  const described = Object.entries(runtimes).map(
    ([name, { root, interpreter, ...more }]): Runtime => ({
      name,
      place: {
        root: root === undefined ? null : resolve(folder, root),
        program: interpreter,
        libraries: (more.libraries ?? []).map((library) => resolve(folder, library)),
      },
      profile: more.profile ?? null,
      env: { ...ONE_THREAD, ...more.environment },
    }),
  );
  return described.some(({ name }) => name === DEFAULT_RUNTIME_NAME)
    ? described
    : [DEFAULT_RUNTIME, ...described];
}

/** A runtime of this name is an interpreter of the host, without a description. */
export function runtimeOfPath(interpreter: string): Runtime {
  const place = { root: null, program: resolve(interpreter), libraries: [] };
  return { name: interpreter, place, profile: null, env: ONE_THREAD };
}

/** The same runtime with more libraries. */
export function withLibraries(runtime: Runtime, libraries: readonly string[]): Runtime {
  if (libraries.length === 0) return runtime;
  const place = {
    ...runtime.place,
    libraries: [...runtime.place.libraries, ...libraries.map((path) => resolve(path))],
  };
  return { ...runtime, place, env: { ...ONE_THREAD, ...runtime.env } };
}

/** Which runtime programs run by. */
export interface RuntimeChoice {
  /** The file that describes runtimes; null: none. */
  readonly file: string | null;
  /** A name of the file, or the path of an interpreter. */
  readonly name?: string | undefined;
  readonly libraries?: readonly string[];
}

/** Each part is checked. @throws RuntimeFileError, RunRefusedError one line */
export function chooseRuntime({ file, name = DEFAULT_RUNTIME_NAME, libraries = [] }: RuntimeChoice): Runtime {
  const named = name.includes('/') ? runtimeOfPath(name) : findRuntime(readRuntimes(file), name, file);
  const runtime = withLibraries(named, libraries);
  assertRuntime(runtime);
  return runtime;
}

/**
 * All that a node offers: the chosen one first, as that of runs that name none, and the others of the file. Each part is
 * checked. @throws RuntimeFileError, RunRefusedError one line
 */
export function offeredRuntimes(choice: RuntimeChoice): readonly Runtime[] {
  const first = chooseRuntime(choice);
  const others = readRuntimes(choice.file)
    .filter(({ name }) => name !== first.name)
    .map((runtime) => withLibraries(runtime, choice.libraries ?? []));
  for (const runtime of others) assertRuntime(runtime);
  return [first, ...others];
}

/** @throws RuntimeFileError that names those that there are */
export function findRuntime(all: readonly Runtime[], name: string, file: string | null): Runtime {
  const found = all.find((one) => one.name === name);
  if (found !== undefined) return found;
  const names = all.map((one) => one.name).join(', ');
  const where = file === null ? 'no file describes others than' : `${file} has`;
  throw new RuntimeFileError(`there is no runtime ${JSON.stringify(name)}: ${where} ${names}`);
}

/** @throws RunRefusedError one line, when a part of a runtime is missing or may not be used */
export function assertRuntime(runtime: Runtime): void {
  const { root, libraries } = runtime.place;
  if (root !== null) assertFolder(root);
  for (const library of libraries) {
    assertFolder(library);
    // A change of its files changes what all programs run.
    if ((statSync(library).mode & 0o002) !== 0)
      throw new RunRefusedError(`${library}: every user of this host may write to it (chmod o-w)`);
  }
  assertInterpreterFiles({ engine: 'seccomp', runtime });
}

function assertFolder(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw new RunRefusedError(`${path}: no such folder`);
  if (!found.isDirectory()) throw new RunRefusedError(`${path}: is no folder`);
}

function parse(file: string): unknown {
  let text: string;
  try {
    if (statSync(file).size > MAX_BYTES)
      throw new RuntimeFileError(`${file}: is larger than ${MAX_BYTES} bytes`);
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof RuntimeFileError) throw error;
    throw new RuntimeFileError(`${file}: cannot be read: ${firstLine(messageOf(error))}`, { cause: error });
  }
  try {
    return parseYamlText(text, file);
  } catch (error) {
    if (error instanceof YamlError) throw new RuntimeFileError(error.message, { cause: error });
    throw error;
  }
}

function check(value: unknown, file: string): z.infer<typeof runtimesFileSchema> {
  const parsed = runtimesFileSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = (issue?.path ?? []).map(String).join('.');
  throw new RuntimeFileError(`${file}: ${where === '' ? '' : `${where}: `}${describe(issue)}`);
}

function describe(issue: z.core.$ZodIssue | undefined): string {
  if (issue?.code === 'unrecognized_keys')
    return `unknown key ${issue.keys.map((key) => JSON.stringify(key)).join(', ')}`;
  if (issue?.code === 'invalid_key') return issue.issues[0]?.message ?? issue.message;
  if (issue?.code === 'invalid_type')
    return issue.input === undefined ? 'is missing' : `must be of type ${issue.expected}`;
  return firstLine(issue?.message ?? 'is wrong');
}
