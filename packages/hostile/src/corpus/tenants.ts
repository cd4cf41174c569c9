import type { Behaviour, TestElsewhere } from '../behaviour.js';
import { MIB, OK } from '../behaviour.js';

const NOT_OF_A_GUEST = 'is nothing that a guest does: see the tests that are named';
const OF_ONE_ENGINE = 'is of the service; a guest of the engine seccomp shows it';

const tenants = (title: string): TestElsewhere => ({
  file: 'packages/faults/test/tenants.redis.test.ts',
  title,
});

/** What one tenant does to another over HTTP. Numbers 104 and up. */
export const TENANTS: readonly Behaviour[] = [
  {
    number: 104,
    title: 'bodies of 60 MiB, all at once',
    seccomp: NOT_OF_A_GUEST,
    rpython: NOT_OF_A_GUEST,
    elsewhere: [tenants('while large bodies come all at once')],
  },
  {
    number: 105,
    title: 'a batch of large results, read slowly',
    seccomp: NOT_OF_A_GUEST,
    rpython: NOT_OF_A_GUEST,
    elsewhere: [tenants('while a batch of large results is read by slow readers')],
  },
  {
    number: 107,
    title: 'output of bytes that JSON has no short way for',
    seccomp: [
      {
        name: '',
        program: '107-worst-bytes.py',
        expect: OK,
        limits: { outputBytes: 8 * MIB },
        portable: true,
      },
    ],
    rpython: OF_ONE_ENGINE,
  },
];
