import { type ChildProcess, fork } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Measurement } from './measurement.js';
import { parentPid } from './wall.js';

const GUESTS = 8;
const HOLDER = fileURLToPath(new URL('holder.js', import.meta.url));

/** A node that is killed with -9 while guests run: what is left of it after two seconds. */
export async function nodeDeath(step: () => void): Promise<Measurement[]> {
  const foldersBefore = new Set(cellFolders());
  const holder = fork(HOLDER, [String(GUESTS)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const groups = await untilRunning(holder);
  const processes = descendants(holder.pid ?? 0);
  holder.kill('SIGKILL');
  await new Promise((resolve) => setTimeout(resolve, 2000));
  const left = processes.filter(isAlive);
  const foldersLeft = cellFolders().filter((name) => !foldersBefore.has(name));
  const groupsLeft = groups === null ? [] : groupsOf(groups, processes);
  step();
  return [
    {
      experiment: `a node killed with -9 while ${GUESTS} guests run: left after 2 s`,
      measured: `${left.length} of ${processes.length} processes, ${foldersLeft.length} folders, ${groupsLeft.length} groups`,
      required: 'nothing',
      met: processes.length >= 2 * GUESTS && left.length + foldersLeft.length + groupsLeft.length === 0,
    },
  ];
}

/** Resolves with the place of its control groups when all its guests run. */
function untilRunning(holder: ChildProcess): Promise<string | null> {
  return new Promise((resolve, reject) => {
    holder.once('message', (message) => resolve((message as { groups: string | null }).groups));
    holder.once('exit', (code) =>
      reject(new Error(`the node of the experiment ended with exit code ${code}`)),
    );
  });
}

function cellFolders(): string[] {
  return readdirSync(tmpdir()).filter((name) => name.startsWith('sandpiper-cell-'));
}

function groupsOf(directory: string, keepers: readonly number[]): string[] {
  return readdirSync(directory).filter((name) =>
    keepers.includes(Number(/^sandpiper-(\d+)-/.exec(name)?.[1])),
  );
}

function descendants(root: number): number[] {
  const found: number[] = [];
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      parents.set(Number(name), parentPid(Number(name)));
    } catch {
      // ended meanwhile
    }
  }
  const children = (pid: number): void => {
    for (const [child, parent] of parents) {
      if (parent !== pid) continue;
      found.push(child);
      children(child);
    }
  };
  children(root);
  return found;
}

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return false;
  }
}
