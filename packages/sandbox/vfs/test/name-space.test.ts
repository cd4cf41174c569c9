import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { SyscallError } from '@sandpiper/abi';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DirectoryInode, FileInode, NameSpace, PlacementError } from '../src/index.js';

/** The same tree, once in memory and once on the host, so that both must meet every expectation. */
let host = '';
beforeAll(() => {
  host = mkdtempSync(join(tmpdir(), 'sandpiper-vfs-'));
  writeFileSync(join(host, 'outside'), 'outside');
  const tree = join(host, 'tree');
  mkdirSync(join(tree, 'folder', 'deep'), { recursive: true });
  writeFileSync(join(tree, 'folder', 'file'), 'hello');
  symlinkSync('folder/file', join(tree, 'link'));
  symlinkSync('folder', join(tree, 'way'));
  symlinkSync('loop', join(tree, 'loop'));
  symlinkSync('../outside', join(tree, 'out'));
  symlinkSync('/etc/hostname', join(tree, 'absolute'));
});
afterAll(() => rmSync(host, { recursive: true, force: true }));

const newSpace = () => new NameSpace(() => 1n, { diskBytes: 1 << 20, files: 100 });

function inMemory(): NameSpace {
  const space = newSpace();
  space.makeDirectories('/m/folder/deep', true);
  space.placeFile('/m/folder/file', Buffer.from('hello'), false);
  space.placeLink('/m/link', 'folder/file');
  space.placeLink('/m/way', 'folder');
  space.placeLink('/m/loop', 'loop');
  space.placeLink('/m/out', '../outside');
  space.placeLink('/m/absolute', '/etc/hostname');
  return space;
}

function onHost(): NameSpace {
  const space = newSpace();
  space.mountHost('/m', join(host, 'tree'));
  return space;
}

function look(space: NameSpace, path: string, follow = true) {
  try {
    const { inode, path: absolute } = space.resolve(path, space.rootLocation, follow);
    const kind =
      inode === null ? 'missing' : inode instanceof DirectoryInode ? 'directory' : inode.type.toString(8);
    return `${kind} ${absolute}`;
  } catch (error) {
    if (error instanceof SyscallError) return error.message;
    throw error;
  }
}

describe.each([
  ['memory', inMemory],
  ['host', onHost],
] as const)('path walk in a tree on %s', (_kind, make) => {
  it.each([
    ['/m/folder/file', '100000 /m/folder/file'],
    ['/m//folder/./deep/..//file', '100000 /m/folder/file'],
    ['/../../m/folder', 'directory /m/folder'],
    ['/m/link', '100000 /m/folder/file'],
    ['/m/way/file', '100000 /m/folder/file'],
    ['/m/way/../folder/', 'directory /m/folder'],
    ['/m/folder/missing', 'missing /m/folder/missing'],
    ['/m/missing/file', 'ENOENT'],
    ['/m/folder/file/', 'ENOTDIR'],
    ['/m/folder/file/x', 'ENOTDIR'],
    ['/m/loop', 'ELOOP'],
    ['/m/loop/x', 'ELOOP'],
    ['', 'ENOENT'],
    [`/m/${'n'.repeat(256)}`, 'ENAMETOOLONG'],
    [`/m/${'n'.repeat(255)}`, `missing /m/${'n'.repeat(255)}`],
    // Links are resolved in the guest's name space: neither leads to a file of the host.
    ['/m/out', 'missing /outside'],
    ['/m/absolute', 'ENOENT'],
  ])('resolves the path %s', (path, expected) => {
    expect(look(make(), path)).toBe(expected);
  });

  it('does not follow the last link when asked not to', () => {
    expect(look(make(), '/m/link', false)).toBe('120000 /m/link');
  });

  it('reads a file at any offset', () => {
    const { inode } = make().resolve('/m/folder/file', make().rootLocation, true);
    expect(inode).toBeInstanceOf(FileInode);
    const file = inode as FileInode;
    expect([0, 3, 5, 100].map((at) => file.read(at, 10).toString())).toEqual(['hello', 'lo', '', '']);
  });

  it('lists its entries in a stable order', () => {
    const names = () => make().locate('/m', make().rootLocation).directory.names();
    expect(names()).toEqual(names());
    expect([...names()].sort()).toEqual(['absolute', 'folder', 'link', 'loop', 'out', 'way']);
  });

  it('resolves any path to a place or an errno', () => {
    const space = make();
    const part = fc.constantFrom(
      'm',
      'folder',
      'file',
      'link',
      'way',
      'loop',
      'out',
      '..',
      '.',
      '',
      '__proto__',
      '\xff',
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 30 }), fc.boolean(), (parts, follow) => {
        expect(look(space, parts.join('/'), follow)).not.toBe('');
      }),
    );
  });
});

describe('a mount of a missing host folder', () => {
  it('shows no entry', () => {
    const space = newSpace();
    space.mountHost('/gone', join(host, 'never-made'));
    expect(look(space, '/gone')).toBe('missing /gone');
  });
});

describe('a layout that contradicts existing entries is refused', () => {
  it.each([
    ['/m/folder/file/x', /"file" is a file or a mount/],
    ['/m/folder', /is a folder/],
    ['/tree/file/x', /"tree" is a file or a mount/],
  ])('%s', (path, why) => {
    const space = inMemory();
    space.mountHost('/tree', join(host, 'tree'));
    const place = () => space.placeFile(path, Buffer.from(''), false);
    expect(place).toThrow(PlacementError);
    expect(place).toThrow(why);
  });
});

describe('a folder that is laid out later', () => {
  function later(): { space: NameSpace; times: () => number } {
    const space = newSpace();
    let times = 0;
    space.layOutLater('m', () => {
      times++;
      space.placeFile('/m/folder/file', Buffer.from('hello'), false);
    });
    return { space, times: () => times };
  }
  const root = (space: NameSpace) => space.rootLocation;

  it('is there before', () => {
    const { space, times } = later();
    expect(space.root.names()).toEqual(['m']);
    expect(space.resolve('/m', root(space), true).inode).toBeInstanceOf(DirectoryInode);
    expect(times()).toBe(0);
  });

  it.each<[string, (space: NameSpace) => unknown, unknown]>([
    ['a path', (space) => look(space, '/m/folder/file'), '100000 /m/folder/file'],
    ['its names', (space) => space.makeDirectories('/m', false).names(), ['folder']],
    ['its entries', (space) => space.makeDirectories('/m', false).entryAfter(0)?.name, 'folder'],
    ['its links', (space) => space.resolve('/m', root(space), true).inode?.stat().nlink, 3],
    ['a file that is placed in it', (space) => space.placeFile('/m/x', Buffer.from(''), false), undefined],
  ])('is laid out once for %s', (_, act, expected) => {
    const { space, times } = later();
    expect([act(space), times()]).toEqual([expected, 1]);
    look(space, '/m/folder/none');
    expect(times()).toBe(1);
  });

  it('reports a watched path below it', () => {
    const { space, times } = later();
    let found = 0;
    space.watch(['/m/folder/file', '/m/none'], () => found++);
    expect(times()).toBe(0);
    look(space, '/m/folder/none');
    expect([times(), found]).toEqual([1, 0]);
    look(space, '/m/folder/file');
    expect(found).toBe(1);
  });

  it('reports itself where it is watched, and nothing when the watch has ended', () => {
    const { space, times } = later();
    let found = 0;
    space.watch(['/m'], () => found++);
    look(space, '/m');
    expect([times(), found]).toEqual([0, 1]);
    space.watch(['/m/folder'], () => found++);
    space.watch([], null);
    look(space, '/m/folder/file');
    expect(found).toBe(1);
  });
});

describe('a watch on paths', () => {
  function watched(...paths: string[]): { space: NameSpace; found: () => number } {
    const space = inMemory();
    let found = 0;
    space.watch(paths, () => found++);
    return { space, found: () => found };
  }
  const resolve = (space: NameSpace, path: string, from = space.rootLocation) =>
    space.resolve(path, from, true);

  it.each([
    '/m/folder',
    '/m/folder/.',
    '/m/folder/file',
    '/m/folder/deep',
    '/m/../m/folder/file',
    'm/folder',
  ])('reports %s once', (path) => {
    const { space, found } = watched('/m/folder');
    resolve(space, path);
    resolve(space, path);
    expect(found()).toBe(1);
  });

  it.each(['/', '/m', '/m/folder/none', '/m/folder/../none', '/m/none/x'])('does not report %s', (path) => {
    const { space, found } = watched('/m/folder');
    try {
      resolve(space, path);
    } catch (error) {
      expect(error).toBeInstanceOf(SyscallError);
    }
    expect(found()).toBe(0);
  });

  it('reports a file found from a folder below it, and a watched file', () => {
    const { space, found } = watched('/m/folder/deep', '/m/folder/file');
    resolve(space, 'file', space.locate('/m/folder', space.rootLocation));
    expect(found()).toBe(1);
  });
});
