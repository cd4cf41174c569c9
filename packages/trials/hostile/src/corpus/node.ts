import type { Behaviour, TestElsewhere } from '../behaviour.js';

const NOT_OF_A_GUEST =
  'needs a fault of ours, a node or a Redis that a guest cannot reach: see the tests that are named';

const shownBy = (number: number, title: string, ...elsewhere: readonly TestElsewhere[]): Behaviour => ({
  number,
  title,
  seccomp: NOT_OF_A_GUEST,
  rpython: NOT_OF_A_GUEST,
  elsewhere,
});

const controller = (file: string, title: string): TestElsewhere => ({
  file: `packages/sandbox/controller/test/${file}`,
  title,
});
const store = (file: string, title: string): TestElsewhere => ({
  file: `packages/service/store/test/${file}`,
  title,
});

/** What a run does to its cell and to its node. Numbers 98 to 103. */
export const NODE: readonly Behaviour[] = [
  shownBy(
    98,
    'results that a cell keeps after their runs',
    controller('collected.guest.test.ts', 'a cell holds nothing of'),
  ),
  shownBy(
    99,
    'a call that never returns, of a guest that is dead',
    controller('watchdog.guest.test.ts', 'is ended when its guest is dead'),
  ),
  shownBy(
    100,
    'a heap of the controller that overflows',
    controller('watchdog.guest.test.ts', 'a heap overflow in one cell thread costs only that cell'),
  ),
  shownBy(
    101,
    'runs that kill their cell or their node again and again',
    store('quarantine.redis.test.ts', 'a run whose cell has died'),
    store('quarantine.redis.test.ts', 'runs whose node has died'),
  ),
  shownBy(
    102,
    'a late result after a failover of Redis',
    store('store.redis.test.ts', 'refuses the first node after a failover that has lost its claim'),
    store(
      'live-store.redis.test.ts',
      'output of two attempts with the same number after a failover is never mixed',
    ),
  ),
  shownBy(
    103,
    'a node whose clock is a day ahead',
    store('store.redis.test.ts', 'stays on the list when a node ends another whose clock is 25 hours ahead'),
  ),
];
