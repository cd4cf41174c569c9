import { statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { bytesOf, type RunResult } from '@sandpiper/contracts';
import { escapeForTerminal } from '../terminal/escape.js';

/** The end of stderr that is looked at, bytes. */
const LAST_BYTES = 4096;
const MAX_NAME_LENGTH = 200;

/** The last line of an uncaught ModuleNotFoundError, and what `-m` prints for a module that is missing. */
const MISSING = /^(?:ModuleNotFoundError: No module named '([^']+)'|\S+: No module named '?([^\s']+)'?)/;
const IDENTIFIER = /^[\p{ID_Start}_]\p{ID_Continue}*$/u;

/**
 * The line that explains a missing module which lies beside the program on the host; null where none does. The guest
 * wrote what is looked at, so a name is used only where it is one.
 * @param program as it was given; null where it is no file, and modules are looked for in the working folder
 * @param given the names of the files of the run
 */
export function missingModuleLine(
  result: RunResult,
  program: string | null,
  given: readonly string[],
): string | null {
  const name = result.status === 'runtime-error' ? missingModule(result) : null;
  if (name === null) return null;
  const file = `${name}.py`;
  if (given.some((path) => path === file || path.startsWith(`${name}/`))) return null;
  const folder = program === null ? '.' : dirname(program);
  const path = join(folder, file);
  const line = (what: string, how: string): string =>
    escapeForTerminal(`${what} lies beside the program but was not given: use --folder ${how}`, 2000);
  if (kindOf(path) === 'file') {
    const option = path.includes('=') ? `${file}=${path}` : path;
    return line(file, `${shellWord(folder)} or --file ${shellWord(option)}`);
  }
  return kindOf(join(folder, name)) === 'folder' ? line(`${name}/`, shellWord(folder)) : null;
}

/** The line that names runtimes of this host which have a missing module; null where none has. */
export function otherRuntimesLine(
  result: RunResult,
  runtimesWith: (module: string) => readonly string[],
): string | null {
  const name = result.status === 'runtime-error' ? missingModule(result) : null;
  const [first, ...more] = name === null ? [] : runtimesWith(name);
  if (name === null || first === undefined) return null;
  const also = more.length === 0 ? '' : ` (${more.join(', ')} too)`;
  return escapeForTerminal(`${name} is in another runtime: use --runtime ${first}${also}`, 2000);
}

/** The first part of the name: the module that lies beside the program. */
function missingModule(result: RunResult): string | null {
  const stderr = bytesOf(result, 'stderr');
  const said = stderr.length > 0 ? stderr : bytesOf(result, 'combined');
  const end = said.subarray(-LAST_BYTES).toString('utf8');
  const [, uncaught, started] = MISSING.exec(end.trimEnd().split('\n').at(-1) ?? '') ?? [];
  const [name = ''] = (uncaught ?? started ?? '').split('.');
  return name.length <= MAX_NAME_LENGTH && IDENTIFIER.test(name) ? name : null;
}

function kindOf(path: string): 'file' | 'folder' | null {
  try {
    const found = statSync(path);
    return found.isFile() ? 'file' : found.isDirectory() ? 'folder' : null;
  } catch {
    return null;
  }
}

/** A word that a shell takes as it stands. */
function shellWord(text: string): string {
  return /^[\w@%+:,./=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
