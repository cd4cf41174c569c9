import { completeLimits, textOf } from '@sandpiper/contracts';
import { Cell, DEFAULT_PROFILE } from '@sandpiper/controller';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

describe.each([
  { start: 'cold', profile: null },
  { start: 'forked', profile: DEFAULT_PROFILE },
])('files of a $start run by absolute paths', ({ start, profile }) => {
  let cell: Cell;
  beforeAll(async () => {
    cell = await Cell.start({ id: 0, cpu: null, node: null, rpython: null, profile });
  });
  afterAll(async () => {
    await cell.close();
  });

  it('lie where the program looks for them, and come back from where it leaves them', async () => {
    const source = `import os
print(open('/data/in.txt').read(), open('/box/own.txt').read(), open('own.txt').read())
for path in '/data/results/a.txt', '/tmp/b.txt', '/box/c.txt', '/box/folder/d.txt':
    os.makedirs(os.path.dirname(path), exist_ok=True)
    open(path, 'w').write(path)
try: open('/data/in.txt', 'w')
except OSError as e: print(e.strerror)`;
    const result = await cell.run({
      id: 'absolute',
      attempt: 1,
      request: {
        source,
        files: [
          { name: '/data/in.txt', content: 'given' },
          { name: '/box/own.txt', content: 'own' },
        ],
        outputs: ['/data/results/a.txt', '/tmp/b.txt', '/box/c.txt', 'folder/d.txt', '/data/none/e.txt'],
        limits: completeLimits({}),
      },
    });
    expect(result).toMatchObject({ status: 'ok', start, stderr: '' });
    expect(result.stdout).toBe('given own own\nRead-only file system\n');
    expect(result.outputs?.map((output) => [output.name, textOf(output, 'content')])).toEqual([
      ['/data/results/a.txt', '/data/results/a.txt'],
      ['/tmp/b.txt', '/tmp/b.txt'],
      ['/box/c.txt', '/box/c.txt'],
      ['folder/d.txt', '/box/folder/d.txt'],
    ]);
    expect(result.missingOutputs).toEqual({ '/data/none/e.txt': 'no such file' });
  });
});
