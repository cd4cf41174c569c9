import { readdir, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { errorCode } from '@sandpiper/contracts';
import { InputError } from './errors.js';
import { compareNames, isIgnoredName } from './names.js';

/** Deeper nesting is a mistake, or a loop of links. */
const MAX_DEPTH = 16;
/** What installers and editors leave in a student's folder. */
const TOOLS_FOLDERS = new Set(['node_modules', 'venv', 'env', 'site-packages']);

export interface FoundFile {
  /** Below the folder, with `/`. */
  readonly name: string;
  readonly path: string;
}

export interface BelowBounds {
  readonly maxFiles: number;
  /** The folder that links must not leave; by default the one that is read. */
  readonly root?: string | undefined;
}

/**
 * All regular files below a folder, in the order of their names. Links must stay within the root: one to an answer or a key
 * would show the file in tracebacks, and one to another student's solution would pass as their own.
 * @throws InputError for a link that leads out, too many files, and nesting that is too deep
 */
export async function filesBelow(folder: string, bounds: BelowBounds): Promise<FoundFile[]> {
  const root = await realpath(bounds.root ?? folder);
  const found: FoundFile[] = [];
  await collect(folder, '', { folder, root, found, maxFiles: bounds.maxFiles }, 0);
  return found;
}

interface Collection {
  readonly folder: string;
  readonly root: string;
  readonly found: FoundFile[];
  readonly maxFiles: number;
}

async function collect(path: string, prefix: string, all: Collection, depth: number): Promise<void> {
  if (depth > MAX_DEPTH) throw new InputError(`${path}: folders are nested more than ${MAX_DEPTH} deep`);
  for (const name of await namesOf(path)) {
    const below = join(path, name);
    const real = await realpath(below).catch(() => null);
    if (real === null || !`${real}${sep}`.startsWith(`${all.root}${sep}`)) {
      throw new InputError(`${below}: is a link that leads out of ${all.folder}`);
    }
    const kind = await stat(real);
    if (kind.isDirectory()) {
      if (!TOOLS_FOLDERS.has(name)) await collect(below, `${prefix}${name}/`, all, depth + 1);
    } else if (kind.isFile()) {
      if (all.found.length >= all.maxFiles) {
        throw new InputError(`${all.folder}: contains more than ${all.maxFiles} files`);
      }
      all.found.push({ name: `${prefix}${name}`, path: below });
    }
  }
}

async function namesOf(path: string): Promise<string[]> {
  try {
    return (await readdir(path)).filter((name) => !isIgnoredName(name)).sort(compareNames);
  } catch (cause) {
    throw new InputError(`${path}: cannot be read (${errorCode(cause) ?? 'unknown error'})`, { cause });
  }
}
