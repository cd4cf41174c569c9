import type { Behaviour, TestElsewhere } from '../behaviour.js';
import { MIB, OK } from '../behaviour.js';

const NOT_OF_A_GUEST = 'is nothing that a guest does: see the tests that are named';
const OF_ONE_ENGINE = 'is of the service; a guest of the engine seccomp shows it';

const tenants = (title: string): TestElsewhere => ({
  file: 'packages/trials/faults/test/tenants.redis.test.ts',
  title,
});

/** What one tenant does to another over HTTP. Numbers 104 and up. */
export const TENANTS: readonly Behaviour[] = [
  {
    number: 104,
    title: 'bodies of 60 MiB, all at once',
    seccomp: NOT_OF_A_GUEST,
    rpython: NOT_OF_A_GUEST,
    elsewhere: [tenants('while large bodies arrive all at once')],
  },
  {
    number: 105,
    title: 'a batch of large results, read slowly',
    seccomp: NOT_OF_A_GUEST,
    rpython: NOT_OF_A_GUEST,
    elsewhere: [tenants('while a batch of large results is read by slow readers')],
  },
  {
    number: 106,
    title: 'Redis filled, to the quota and to the ceiling',
    seccomp: NOT_OF_A_GUEST,
    rpython: NOT_OF_A_GUEST,
    elsewhere: [tenants('while Redis is filled to the quota and to the ceiling')],
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
  {
    number: 108,
    title: 'arguments of 6 MB, and runs that take their cell with them, ten of each',
    seccomp: NOT_OF_A_GUEST,
    rpython: NOT_OF_A_GUEST,
    elsewhere: [tenants('while arguments of 6 MB come, and runs kill their cells')],
  },
  {
    number: 109,
    title: 'more streams than the scheduler has',
    seccomp: NOT_OF_A_GUEST,
    rpython: NOT_OF_A_GUEST,
    elsewhere: [tenants('while one tenant follows a batch more often than there are streams')],
  },
  {
    number: 110,
    title: 'a run that takes one node after another with it',
    seccomp: NOT_OF_A_GUEST,
    rpython: NOT_OF_A_GUEST,
    elsewhere: [
      {
        file: 'packages/trials/faults/test/faults.redis.test.ts',
        title: 'when a run that kills its nodes is given up',
      },
    ],
  },
  {
    number: 111,
    title: 'a page of another host, with a Host, an Origin or forwarded headers of its own',
    seccomp: NOT_OF_A_GUEST,
    rpython: NOT_OF_A_GUEST,
    elsewhere: [
      { file: 'services/scheduler/test/origins.redis.test.ts', title: 'without keys' },
      { file: 'services/scheduler/test/origins.redis.test.ts', title: 'is for no page of another host' },
    ],
  },
];
