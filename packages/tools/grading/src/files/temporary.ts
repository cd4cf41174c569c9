import { rmSync } from 'node:fs';

const folders = new Set<string>();
let isListening = false;

/** Tests are read when they run, so an unpacked archive stays until the process ends. */
export function removeAtExit(folder: string): void {
  folders.add(folder);
  if (isListening) return;
  isListening = true;
  process.once('exit', () => {
    for (const one of folders) rmSync(one, { recursive: true, force: true });
  });
}
