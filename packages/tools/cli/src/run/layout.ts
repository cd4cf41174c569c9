import { dirname, resolve } from 'node:path';
import { isInSystemFolder, REQUEST_BOUNDS, RUN_FOLDER } from '@sandpiper/contracts';
import type { LocalRun } from '@sandpiper/controller';
import { InputError, readBounded } from '@sandpiper/grading/basics';
import { quote } from '../options.js';
import { liesIn, mountsOf, openFolder, type ShownFolder, showsFile } from './folder.js';
import { type NamedFile, readFiles, type RunOptions } from './input.js';

/** Where a local run and its files lie: the guest sees the paths that it would see without the sandbox. */
type Layout = Pick<LocalRun, 'folder' | 'programPath' | 'program' | 'files' | 'mounts'>;

/**
 * The working folder, the program, the files beside it and the folder that is shown. The paths appear in tracebacks and
 * in argv.
 * @param program null where it is no file
 * @throws InputError that names what cannot be read, is too large, or lies where it cannot be shown
 */
export async function layOut(
  program: string | null,
  options: RunOptions,
  maxFileBytes: number,
): Promise<Layout> {
  if (program !== null && isInSystemFolder(resolve(program))) {
    throw new InputError(`${quote(program)}: is in a system folder; copy it elsewhere`);
  }
  if (options.folder !== undefined && options.transcript !== undefined) {
    throw new InputError('--folder does not go with --transcript: a replay needs all files of the run');
  }
  const text = program === null ? null : await readBounded(program, REQUEST_BOUNDS.sourceBytes);
  const given = await readFiles(options.file ?? [], maxFileBytes);
  const shown = options.folder === undefined ? null : openFolder(options.folder);
  const folder = workingFolder(program, shown);
  const path = program === null ? null : resolve(program);
  const files = placed(given, folder, path);
  const isShown = shown !== null && path !== null && showsFile(shown, path);
  const own = {
    folders: [folder, '/tmp'],
    files: [...(path === null || isShown ? [] : [path]), ...files.map((file) => file.path)],
  };
  return {
    folder,
    programPath: folder === process.cwd() ? program : path,
    program: isShown ? null : text,
    files,
    mounts: shown === null ? [] : mountsOf(shown, own),
  };
}

/**
 * That of this process; in a system folder, which belongs to the guest's system, a folder of the run. What runs without
 * a program file has the folder that is shown as its own.
 */
function workingFolder(program: string | null, shown: ShownFolder | null): string {
  const folder = process.cwd();
  if (program === null && shown !== null && !liesIn(shown.path, folder)) return shown.path;
  return folder === '/' || isInSystemFolder(folder) ? RUN_FOLDER : folder;
}

/** The files of `--file`: where an absolute name says, else in the working folder and beside a program elsewhere. */
function placed(given: readonly NamedFile[], folder: string, program: string | null): NamedFile[] {
  const beside = program === null ? folder : dirname(program);
  return given.flatMap(({ path: name, data }) =>
    [...new Set([resolve(folder, name), resolve(beside, name)])].map((path) => {
      if (path === program) throw new InputError(`--file ${quote(name)}: has the same name as the program`);
      return { path, data };
    }),
  );
}
