import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The file that the name of a program stands for, by $PATH; null where there is none that may be executed. */
export function programOnPath(program: string): string | null {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, program);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // not in this one
    }
  }
  return null;
}
