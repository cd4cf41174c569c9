import { type Behaviour, OK } from '../behaviour.js';

const NEIGHBOURS = 'packages/sandbox/controller/test/neighbours.guest.test.ts';

/** What a node is given by its host: CPUs, memory, user ids. Numbers 95 to 97. */
export const POD: readonly Behaviour[] = [
  {
    number: 95,
    title: 'signals and limits for the keeper and for the guests of other cells',
    seccomp: [
      {
        name: '',
        program: '95-signals-for-others.py',
        expect: { ...OK, stdout: 'reached []\n' },
        portable: true,
      },
    ],
    rpython: 'a native kill is behaviour 2; users of guests are the same for both engines',
    elsewhere: [{ file: NEIGHBOURS, title: 'two cells of one node' }],
  },
  {
    number: 96,
    title: 'numbers of the keeper, the parent and itself in its own memory',
    seccomp: 'a test knows the numbers that are looked for, which no program does',
    rpython: 'is not forked, and the shim remembers no number there',
    elsewhere: [{ file: NEIGHBOURS, title: 'a forked guest' }],
  },
  {
    number: 97,
    title: 'all memory of its pod, with a limit above that',
    seccomp: 'takes a group with a limit of its own around a whole node',
    rpython: 'the keeper holds both engines alike',
    elsewhere: [
      {
        file: 'packages/sandbox/controller/test/pod-memory.guest.test.ts',
        title: 'a guest that the kernel ends when its pod is out of memory',
      },
    ],
  },
];
