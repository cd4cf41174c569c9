import { execFileSync } from 'node:child_process';
import { copyFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { selfTest } from '@sandpiper/controller';
import { CheckoutCopy } from '@sandpiper/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Bench } from './translated.js';

/** The self-test of a working sandbox, and of broken ones: copies of this checkout with a wrong part. */

const NATIVE = fileURLToPath(new URL('../../guest/native', import.meta.url));

const NAMES = [
  'filter of a forked guest',
  'filter of a started guest',
  'calls of another mode',
  'CPU limit',
  'memory limit',
  'wall limit',
];

const TRANSLATED_NAMES = [
  'translated interpreter',
  'filter of a translated guest',
  'calls of another mode of a translated guest',
  'CPU limit of a translated guest',
  'memory limit of a translated guest',
  'wall limit of a translated guest',
];

const translated = new Bench();
afterAll(() => translated.remove());

it('the self-test passes here', async () => {
  const { checks, passed } = await selfTest(null);
  expect(checks).toEqual(NAMES.map((name) => ({ name, failure: null })));
  expect(passed).toBe(true);
});

it('the self-test passes here with a translated interpreter', async () => {
  const { checks, passed } = await selfTest(translated.interpreter);
  expect(checks).toEqual([...NAMES, ...TRANSLATED_NAMES].map((name) => ({ name, failure: null })));
  expect(passed).toBe(true);
});

it('the self-test stops when asked to', async () => {
  const { passed } = await selfTest(null, AbortSignal.abort());
  expect(passed).toBe(false);
});

it('the self-test fails where the translated interpreter does not start', async () => {
  const text = translated.write('text', 'no program\n');
  const { checks, passed } = await selfTest({ ...translated.interpreter, executable: text });
  expect(checks.filter(({ failure }) => failure !== null)).toEqual([
    { name: 'translated interpreter', failure: expect.stringContaining('text') as string },
  ]);
  expect(passed).toBe(false);
});

describe('the self-test fails', () => {
  let copy: CheckoutCopy;
  let shim: string;
  beforeAll(() => {
    execFileSync('make', ['-s', '-C', NATIVE, 'weak'], { stdio: 'pipe' });
    copy = new CheckoutCopy();
    shim = copy.shim;
  });
  afterAll(() => copy.remove());

  /** By name, of those that fail. */
  function failures(): Record<string, string> {
    const module = pathToFileURL(copy.path('packages/sandbox/controller/dist/index.js')).href;
    const given = JSON.stringify(translated.interpreter);
    const script = `import { selfTest } from '${module}'; console.log(JSON.stringify(await selfTest(${given})))`;
    const said = execFileSync('node', ['--input-type=module', '-e', script], { encoding: 'utf8' });
    const report = JSON.parse(said) as Awaited<ReturnType<typeof selfTest>>;
    expect(report.passed).toBe(false);
    return Object.fromEntries(
      report.checks.flatMap(({ name, failure }) => (failure === null ? [] : [[name, failure]])),
    );
  }

  it.each([
    // The limit of descriptors still holds behind it, but is no filter.
    ['socket', 'socket (INET): answered -24, not -1', 'socket EMFILE, where socket EPERM was expected'],
    // The keeper kills what wants to be traced by it, at its next signal: the translated guest has none.
    [
      'ptrace',
      'internal-error (the guest was killed from outside)',
      'ptrace ok, where ptrace EPERM was expected',
    ],
  ])('where the filter wrongly allows a call: %s', (call, failure, ofTranslated) => {
    copyFileSync(`${NATIVE}/build/weak/open-${call}.so`, shim);
    expect(failures()).toEqual({
      'filter of a forked guest': failure,
      'filter of a started guest': failure,
      'filter of a translated guest': ofTranslated,
    });
  });

  it('where there is no filter', () => {
    copyFileSync(`${NATIVE}/build/weak/no-filter.so`, shim);
    const found = Object.keys(failures());
    for (const name of [...NAMES, 'filter of a translated guest']) expect(found).toContain(name);
  });

  it('where the keeper does not start', () => {
    writeFileSync(copy.keeper, '#!/bin/sh\necho "no keeper today" >&2\nexit 3\n');
    expect(failures()).toEqual({ 'a cell': expect.stringContaining('no keeper today') as string });
  });
});
