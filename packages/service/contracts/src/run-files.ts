import { z } from 'zod';
import { REQUEST_BOUNDS } from './request-bounds.js';
import { noNul } from './run-words.js';

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
export const placeOf = (path: string): string =>
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
export const foldersOf = (names: readonly string[]): number =>
  names.reduce((sum, name) => sum + name.split('/').length - 1, 0);

export const base64 = (max: number) => z.base64().max(Math.ceil((max * 4) / 3) + 4);

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
