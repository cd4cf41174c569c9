import { appendFileSync, existsSync, readFileSync } from 'node:fs';

/** Results as lines of JSON in a file that grows; a path of null keeps nothing. */
export class ResultLines {
  /**
   * Calls take with every line that the file has. What it throws of a line leaves that line out: the last one may have
   * been cut off where a run was interrupted.
   * @throws an error of the file system, before any work, where the path is not readable and writable
   */
  constructor(
    private readonly path: string | null,
    take: (line: unknown) => void,
  ) {
    if (path === null) return;
    for (const line of existsSync(path) ? readFileSync(path, 'utf8').split('\n') : []) {
      try {
        take(JSON.parse(line));
      } catch {
        // its work is done again
      }
    }
    appendFileSync(path, '\n'); // what follows a line that was cut off has a line of its own
  }

  add(result: unknown): void {
    if (this.path !== null) appendFileSync(this.path, `${JSON.stringify(result)}\n`);
  }
}
