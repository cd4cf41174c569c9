import { expect, it } from 'vitest';
import { interpreterFiles } from '../src/mounts.js';

const DEBIANS = '/usr/lib/python3/dist-packages';

it('a folder of modules is shown where no other mount is in its way', () => {
  const place = { root: null, program: '/usr/bin/pypy3', libraries: ['/usr/share', DEBIANS, '/opt/modules'] };
  const { libraries, library, mounts } = interpreterFiles(place);
  expect(libraries).toEqual(['/libraries/0', DEBIANS, '/libraries/2']);
  const paths = mounts.map(({ path }) => path);
  for (const path of [...libraries, library, '/usr/share/zoneinfo']) expect(paths).toContain(path);
});

it('modules beside the standard library are hidden, unless they are named', () => {
  const place = { root: null, program: '/usr/bin/pypy3', libraries: [] };
  const { library } = interpreterFiles(place);
  const hidden = (libraries: string[]) =>
    interpreterFiles({ ...place, libraries }).mounts.find(({ path }) => path === library)?.hidden;
  expect(hidden([])).toEqual(['dist-packages']);
  expect(hidden([`${library}/dist-packages`])).toEqual([]);
});
