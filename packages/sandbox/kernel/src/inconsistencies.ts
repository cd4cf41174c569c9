import {
  bytesOfAttribute,
  bytesOfLink,
  DirectoryInode,
  type Inode,
  MemoryDirectory,
  MemoryFile,
  SymlinkInode,
} from '@sandpiper/vfs';
import type { OpenFile } from './descriptors.js';
import { Epoll } from './epoll.js';
import { bytesOfVariable } from './libc-state.js';
import { MAX_MAPPINGS } from './mappings.js';
import { PathHandle, RegularFile } from './open-files.js';
import type { KernelState } from './state.js';
import { FifoInode, type Pipe, PipeEnd, SocketEnd } from './streams.js';

/** The tree: each inode with the number of names that lead to it. */
interface Census {
  readonly names: Map<Inode, number>;
  readonly folders: Set<DirectoryInode>;
}

/**
 * Compares the books of a kernel with what exists: descriptors, links, quotas, ends of pipes. Each line is a
 * fault of ours that a guest could exploit to grow, so fuzzers and tests check it after every step.
 */
export function inconsistencies(state: KernelState): string[] {
  const problems: string[] = [];
  const census = countNames(state, problems);
  checkDescriptors(state, problems);
  checkLinks(census, problems);
  checkQuota(state, census, problems);
  checkPipes(state, problems);
  checkBounds(state, problems);
  return problems;
}

/** In the guest's own folders only; the host's cannot change. */
function countNames(state: KernelState, problems: string[]): Census {
  const names = new Map<Inode, number>();
  const folders = new Set<DirectoryInode>([state.space.root]);
  const open: MemoryDirectory[] = [state.space.root];
  for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
    for (const name of folder.names()) {
      const inode = folder.lookup(name);
      if (inode === null) continue;
      names.set(inode, (names.get(inode) ?? 0) + 1);
      if (!(inode instanceof MemoryDirectory)) continue;
      if (folders.has(inode)) problems.push(`folder ${inode.ino} has two names`);
      else open.push(inode);
      folders.add(inode);
    }
  }
  return { names, folders };
}

function openFiles(state: KernelState) {
  return state.fds.numbers().map((fd) => state.fds.get(fd));
}

function checkDescriptors(state: KernelState, problems: string[]): void {
  const { openFiles: capacity } = state.options.limits;
  const references = new Map<object, number>();
  for (const fd of state.fds.numbers()) {
    if (fd < 0 || fd >= capacity) problems.push(`descriptor ${fd} of ${capacity}`);
    const file = state.fds.get(fd);
    references.set(file, (references.get(file) ?? 0) + 1);
  }
  for (const file of new Set(openFiles(state))) {
    const counted = references.get(file) ?? 0;
    if (file.references !== counted)
      problems.push(`an open file with ${file.references} references where ${counted} are counted`);
    if (!Number.isSafeInteger(file.offset) || file.offset < 0)
      problems.push(`invalid offset: ${file.offset}`);
  }
}

function checkLinks(census: Census, problems: string[]): void {
  for (const [inode, names] of census.names) {
    if (!inode.writable) continue;
    if (inode instanceof MemoryDirectory) {
      const below = inode.names().filter((name) => inode.lookup(name) instanceof MemoryDirectory).length;
      if (inode.nlink !== 2 + below) problems.push(`a folder with ${below} in it has ${inode.nlink} links`);
      if (inode.dead) problems.push('a folder that was removed has a name');
    } else if (!(inode instanceof DirectoryInode) && inode.nlink !== names) {
      problems.push(`a file with ${names} names has ${inode.nlink} links`);
    }
  }
}

function holds(file: OpenFile): file is (RegularFile | PathHandle) & { inode: MemoryFile } {
  return (file instanceof RegularFile || file instanceof PathHandle) && file.inode instanceof MemoryFile;
}

/** Files that have a name, are open, or are mapped: all must be charged. */
function livingFiles(state: KernelState, census: Census): Set<MemoryFile> {
  const files = new Set<MemoryFile>();
  for (const inode of census.names.keys()) if (inode instanceof MemoryFile) files.add(inode);
  for (const file of openFiles(state)) if (holds(file)) files.add(file.inode);
  for (const inode of state.mappings.inodes()) if (inode instanceof MemoryFile) files.add(inode);
  return files;
}

function checkQuota(state: KernelState, census: Census, problems: string[]): void {
  const { quota } = state.space;
  const living = livingFiles(state, census);
  let bytes = 0;
  let files = 0;
  const holders = [...new Set(openFiles(state))].filter(holds).map((file) => file.inode as Inode);
  holders.push(...state.mappings.inodes());
  for (const file of living) {
    const held = holders.filter((inode) => inode === file).length;
    if (file.holders !== held) problems.push(`a file with ${held} holders counts ${file.holders}`);
    bytes += file.chargedBytes;
    const names = census.names.get(file) ?? 0;
    // One for the file itself, if the guest made it, and one for each name but the first.
    files += (file.counted ? 1 : 0) + Math.max(0, names - 1);
  }
  for (const inode of census.names.keys()) {
    if (inode instanceof MemoryFile || !inode.writable) continue;
    if (!(inode instanceof MemoryDirectory) || inode.counted) files++;
    if (inode instanceof SymlinkInode) bytes += bytesOfLink(inode.target);
  }
  if (quota.usedBytes !== bytes)
    problems.push(`${quota.usedBytes} bytes are charged where ${bytes} are kept`);
  if (quota.usedFiles !== files)
    problems.push(`${quota.usedFiles} files are charged where ${files} are kept`);
  if (quota.usedBytes > quota.bytes || quota.usedFiles > quota.files) problems.push('the quota is exceeded');
  const attributes = new Set<Inode>([...census.names.keys(), ...living]);
  for (const file of openFiles(state)) attributes.add(file.link.inode);
  let attributeBytes = 0;
  for (const inode of attributes)
    for (const [name, value] of inode.attributes) attributeBytes += bytesOfAttribute(name, value);
  if (quota.attributeBytes !== attributeBytes)
    problems.push(`${quota.attributeBytes} bytes of attributes are charged where ${attributeBytes} are kept`);
}

function checkPipes(state: KernelState, problems: string[]): void {
  const ends = new Map<Pipe, { readers: number; writers: number }>();
  const of = (pipe: Pipe) => {
    const known = ends.get(pipe) ?? { readers: 0, writers: 0 };
    ends.set(pipe, known);
    return known;
  };
  for (const file of new Set(openFiles(state))) {
    if (file instanceof PipeEnd) {
      if (file.readable) of(file.pipe).readers++;
      if (file.writable) of(file.pipe).writers++;
    } else if (file instanceof SocketEnd) {
      of(file.incoming);
      of(file.outgoing);
    }
    const { inode } = file.link;
    if (inode instanceof FifoInode) of(inode.pipe);
  }
  let held = 0;
  for (const pipe of ends.keys()) held += pipe.charged;
  if (state.pipes.used !== held)
    problems.push(`${state.pipes.used} bytes of pipes are charged where ${held} are kept`);
  for (const [pipe, open] of ends) {
    if (pipe.readers < 0 || pipe.writers < 0)
      problems.push(`a pipe has a negative count of readers (${pipe.readers}) or writers (${pipe.writers})`);
    // Ends of sockets may be shut down while they are open, so only ends of pipes are counted.
    if (open.readers + open.writers === 0) continue;
    if (pipe.readers !== open.readers || pipe.writers !== open.writers)
      problems.push(
        `a pipe counts ${pipe.readers} readers and ${pipe.writers} writers where ${open.readers} and ${open.writers} are open`,
      );
  }
}

function checkBounds(state: KernelState, problems: string[]): void {
  const { libc, options } = state;
  const sets = [...new Set(openFiles(state))].filter((file) => file instanceof Epoll);
  const watches = sets.reduce((sum, set) => sum + set.size, 0);
  if (state.watches.used !== watches)
    problems.push(`${state.watches.used} watches are charged where ${watches} are kept`);
  if (watches > state.watches.most) problems.push(`${watches} watches`);
  if (state.sigactions.size > 64) problems.push(`${state.sigactions.size} signals`);
  if (state.mappings.count > MAX_MAPPINGS) problems.push(`${state.mappings.count} shared mappings`);
  if (libc.directories.size > options.limits.openFiles)
    problems.push(`${libc.directories.size} directory streams are open, too many`);
  let environment = 0;
  for (const [name, value] of libc.environment) environment += bytesOfVariable(name, value);
  if (libc.environmentBytes !== environment)
    problems.push(`${libc.environmentBytes} bytes of variables are charged where ${environment} are kept`);
  if (libc.placed.size > libc.environment.size) problems.push('values without variables');
}
