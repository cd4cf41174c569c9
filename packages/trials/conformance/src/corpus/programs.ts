import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, extname, join, relative, resolve } from 'node:path';
import { UsageError } from '../usage.js';

/** A program of a corpus. */
export interface CorpusProgram {
  /** The folder's own name and the path below it. */
  readonly name: string;
  readonly path: string;
}

/** A program with all that it runs with. */
export interface ProgramCase {
  readonly name: string;
  /** The program's file; one of `files`. */
  readonly entry: string;
  /** The program and files beside it, by their paths below its folder. */
  readonly files: readonly { readonly path: string; readonly data: Buffer }[];
  readonly stdin: Buffer;
  /** Of all of it: a case that has changed is run again. */
  readonly digest: string;
}

const MIB = 1024 * 1024;
/** Larger files are data, not programs. */
const LARGEST_PROGRAM = MIB;
/** Files beside a program: all are copied up to here, beyond only those that its text names. */
const MOST_FILES = 64;
const MOST_BYTES = 8 * MIB;
const DEEPEST = 4;

const LEFT_OUT = new Set(['__pycache__', 'node_modules', '__init__.py']);

/**
 * The programs below each folder, in the order of their paths; of each folder `sample`, evenly spread, or all.
 * @throws UsageError where a folder cannot be read, or two have one name
 */
export function findPrograms(folders: readonly string[], sample: number | null): CorpusProgram[] {
  const names = folders.map((folder) => basename(resolve(folder)));
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new UsageError(`two folders are called ${twice}`);
  return folders.flatMap((folder) => spread(programsIn(resolve(folder)), sample));
}

function programsIn(folder: string): CorpusProgram[] {
  if (!existsSync(folder) || !statSync(folder).isDirectory()) {
    throw new UsageError(`${folder} is not a folder`);
  }
  return filesIn(folder, Number.POSITIVE_INFINITY)
    .filter((path) => extname(path) === '.py' && lstatSync(path).size <= LARGEST_PROGRAM)
    .map((path) => ({ name: join(basename(folder), relative(folder, path)), path }));
}

/** Regular files alone: a link may lead anywhere. */
function filesIn(folder: string, depth: number): string[] {
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => {
    if (entry.name.startsWith('.') || LEFT_OUT.has(entry.name)) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return depth > 1 ? filesIn(path, depth - 1) : [];
    return entry.isFile() ? [path] : [];
  });
}

function spread<T>(all: readonly T[], count: number | null): T[] {
  if (count === null || count >= all.length) return [...all];
  return Array.from({ length: count }, (_, index) => all[Math.floor((index * all.length) / count)] as T);
}

export function readCase({ name, path }: CorpusProgram): ProgramCase {
  const folder = dirname(path);
  const input = path.replace(/\.py$/, '.in');
  const files = beside(path).map((file) => ({ path: relative(folder, file), data: readFileSync(file) }));
  const stdin = existsSync(input) ? readFileSync(input) : Buffer.alloc(0);
  const hash = createHash('sha256');
  for (const part of [stdin, ...files.flatMap((file) => [file.path, file.data])]) {
    hash.update(`${part.length}\n`).update(part);
  }
  return { name, entry: basename(path), files, stdin, digest: hash.digest('hex') };
}

/** The program and the files that are copied with it. */
function beside(path: string): string[] {
  const all = filesIn(dirname(path), DEEPEST);
  const size = (files: readonly string[]) => files.reduce((sum, file) => sum + lstatSync(file).size, 0);
  if (all.length <= MOST_FILES && size(all) <= MOST_BYTES) return all;
  const words = new Set(readFileSync(path, 'utf8').match(/[\p{L}\p{N}_.-]+/gu));
  const named = all.filter((file) => words.has(basename(file)) || words.has(basename(file, '.py')));
  const others = named.filter((file) => file !== path).slice(0, MOST_FILES);
  return size(others) <= MOST_BYTES ? [path, ...others] : [path];
}
