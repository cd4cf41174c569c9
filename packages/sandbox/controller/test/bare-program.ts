import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { SourceRun } from './local.js';

/** What a program shows of itself: exit code, and all that it writes. */
export interface ProgramEnd {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a program by an interpreter that nothing holds, in a folder of its own, which its output calls /box as a run does.
 * @param folder for its files
 * @param root a folder with another system, in which the interpreter is; chroot(1) needs root
 */
export function bareProgram(
  folder: string,
  interpreter: string,
  source: string,
  { args = [], stdin = '', programPath = 'main.py' }: SourceRun = {},
  root: string | null = null,
): ProgramEnd {
  const box = mkdtempSync(join(root === null ? folder : join(root, 'tmp'), 'box-'));
  const program = join(box, programPath);
  mkdirSync(dirname(program), { recursive: true });
  writeFileSync(program, source);
  const input = join(root === null ? folder : join(root, 'tmp'), 'stdin');
  writeFileSync(input, stdin);
  const home = root === null ? box : box.slice(root.length);
  const env = { PATH: '/usr/bin:/bin', HOME: home, LANG: 'C.UTF-8', PYTHONDONTWRITEBYTECODE: '1' };
  const words = [programPath, ...args];
  const fd = openSync(input, 'r');
  const stdio = [fd, 'pipe', 'pipe'] as const;
  // Devices and processes are mounted in sight of it alone, where it opens its input too: so it has a path in the root.
  const mount = 'mount --rbind /proc "$0/proc" && mount --rbind /dev "$0/dev"';
  const enter = `${mount} && exec chroot "$0" "$@" <"$0/tmp/stdin"`;
  const change = 'import os, sys; os.chdir(sys.argv[1]); os.execv(sys.argv[2], sys.argv[2:])';
  const { status, stdout, stderr } =
    root === null
      ? spawnSync(interpreter, words, { cwd: box, env, stdio: [...stdio] })
      : spawnSync(
          '/usr/bin/unshare',
          [
            ...['--mount', 'sh', '-c', enter, root],
            ...['/usr/bin/python3', '-c', change, home, interpreter, ...words],
          ],
          { env: { ...env, PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }, stdio: [...stdio] },
        );
  closeSync(fd);
  rmSync(box, { recursive: true });
  const shown = (bytes: Buffer) =>
    bytes
      .toString()
      .replaceAll(home, '/box')
      .replaceAll(root === null ? input : input.slice(root.length), '/proc/2/stdin');
  return { exitCode: status, stdout: shown(stdout), stderr: shown(stderr) };
}
