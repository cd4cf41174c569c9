import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';

/** Modules of the package `test` of pypy3-lib-testsuite that are compared. */
export const MODULES: readonly string[] = [
  'test_json',
  'test_re',
  'test_collections',
  'test_heapq',
  'test_itertools',
  'test_functools',
  'test_datetime',
  'test_decimal',
  'test_fractions',
  'test_math',
  'test_random',
  'test_string',
  'test_textwrap',
  'test_struct',
  'test_zlib',
  'test_hashlib',
  'test_io',
  'test_fileio',
  'test_os',
  'test_posixpath',
  'test_pathlib',
  'test_tempfile',
  'test_glob',
  'test_shutil',
  'test_zipfile',
  'test_tarfile',
  'test_csv',
  'test_configparser',
  'test_pickle',
  'test_shelve',
  'test_dbm_dumb',
  'test_sqlite',
  'test_bz2',
  'test_contextlib',
  'test_copy',
  'test_dataclasses',
  'test_enum',
  'test_filecmp',
  'test_fileinput',
  'test_gzip',
  'test_lzma',
  'test_mmap',
  'test_statistics',
  'test_time',
];

/** Slow, bare or in the sandbox: not for every change. */
const SLOW: ReadonlySet<string> = new Set([
  'test_bz2',
  'test_datetime',
  'test_decimal',
  'test_hashlib',
  'test_io',
  'test_itertools',
  'test_lzma',
  'test_pickle',
  'test_random',
  'test_statistics',
  'test_tarfile',
  'test_time',
  'test_zipfile',
]);

/**
 * Every test module of the installed package, those of the comparison first.
 * @throws Error where the package is not installed
 */
export function everyModule(interpreter: string): string[] {
  const found = readdirSync(folderOf(interpreter, 'test'), { withFileTypes: true })
    .filter((entry) => (entry.isDirectory() ? /^test_\w+$/ : /^test_\w+\.py$/).test(entry.name))
    .map((entry) => entry.name.replace(/\.py$/, ''))
    .sort();
  return [...new Set([...MODULES.filter((module) => found.includes(module)), ...found])];
}

/**
 * The modules of a package that pytest collects by their names, such as numpy.lib.tests.test_io.
 * @throws Error where the package is not installed, or came without its tests
 */
export function modulesOfPackage(interpreter: string, name: string): string[] {
  const folder = folderOf(interpreter, name);
  const found = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => /(?:^|\/)test_\w+\.py$/.test(path))
    .map((path) => [name, ...path.replace(/\.py$/, '').split('/')].join('.'))
    .sort();
  if (found.length === 0) throw new Error(`the package "${name}" came without its tests`);
  return found;
}

function folderOf(interpreter: string, name: string): string {
  const { stdout } = spawnSync(interpreter, ['-c', `import ${name}; print(${name}.__path__[0])`], {
    encoding: 'utf8',
  });
  const folder = stdout?.trim() ?? '';
  if (folder === '') throw new Error(`the package "${name}" was not found: is its test suite installed?`);
  return folder;
}

/** What runs in continuous integration: about a minute for both sides together. */
export const FAST_MODULES: readonly string[] = MODULES.filter((module) => !SLOW.has(module));
