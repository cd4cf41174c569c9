// What of the filter is not in the rows of its policy: the steps that compile them, and the place where each filter is
// installed. One is left out or loosened at a time (scripts/test-mutations). `find` must stand in the file exactly once.
// `needs32` says that only a call of 32-bit code shows it, which some kernels do not have.

const filter = 'shim/filter.c';
const all = ['guest', 'virtual-time', 'parent', 'translated'];

/** @type {{ what: string, file: string, find: string, replace: string, subjects: string[], needs32?: true }[]} */
export const PATCHES = [
  {
    what: 'filter.c: any architecture',
    file: filter,
    find: 'require_equal(SHIM_AUDIT_ARCH, SECCOMP_RET_KILL_PROCESS);',
    replace: '',
    subjects: all,
    needs32: true,
  },
  {
    what: 'filter.c: another architecture is trapped, not killed',
    file: filter,
    find: 'require_equal(SHIM_AUDIT_ARCH, SECCOMP_RET_KILL_PROCESS);',
    replace: 'require_equal(SHIM_AUDIT_ARCH, SECCOMP_RET_TRAP);',
    subjects: all,
    needs32: true,
  },
  {
    what: 'filter.c: the upper half of an argument may be anything',
    file: filter,
    find: '  load(HIGH(index));\n  require_equal(0, otherwise);\n',
    replace: '  (void)otherwise;\n',
    subjects: all,
  },
  {
    what: 'filter.c: the lower half of the gate may be anything',
    file: filter,
    find: '  load(DATA(instruction_pointer));\n  require_equal((uint32_t)gate, otherwise);\n',
    replace: '',
    subjects: all,
  },
  {
    what: 'filter.c: the upper half of the gate may be anything',
    file: filter,
    find: '  load(DATA(instruction_pointer) + 4u);\n  require_equal((uint32_t)(gate >> 32), otherwise);\n',
    replace: '',
    subjects: all,
  },
  {
    what: 'filter.c: a mask of bits forbids none',
    file: filter,
    find: 'require_no_bits(~condition->free, otherwise);',
    replace: 'require_no_bits(0, otherwise);',
    subjects: all,
  },
  {
    what: 'filter.c: a mask of bits looks at those that are free',
    file: filter,
    find: 'require_no_bits(~condition->free, otherwise);',
    replace: 'require_no_bits(condition->free, otherwise);',
    subjects: all,
  },
  {
    what: 'filter.c: of several values none is demanded',
    file: filter,
    find: '      require_one_of(condition->values, condition->count, otherwise);\n',
    replace: '',
    subjects: all,
  },
  {
    what: 'filter.c: a value that is none of several goes on',
    file: filter,
    find: '(uint8_t)(count - i), 0);\n  answer(otherwise);',
    replace: '(uint8_t)(count - 1 - i), 0);\n  (void)otherwise;',
    subjects: all,
  },
  {
    what: 'filter.c: any process for itself',
    file: filter,
    find: '      require_equal((uint32_t)raw3(__NR_getpid, 0, 0, 0), otherwise);\n',
    replace: '',
    subjects: ['translated'],
  },
  {
    what: 'filter.c: a call whose conditions do not hold is allowed',
    file: filter,
    find: 'rows[i].otherwise != 0 ? rows[i].otherwise : policy_default(filter)',
    replace: 'SECCOMP_RET_ALLOW',
    subjects: all,
  },
  {
    what: 'filter.c: only the first condition counts',
    file: filter,
    find: 'i < POLICY_CONDITIONS; i++) require',
    replace: 'i < 1; i++) require',
    subjects: all,
  },
  {
    what: 'filter.c: the rows of every filter in each',
    file: filter,
    find: 'if ((rows[i].filters & filter) == 0) continue;',
    replace: '',
    subjects: all,
  },
  {
    what: 'filter.c: a row is for its first number alone',
    file: filter,
    find: 'emit(BPF_JMP | BPF_JGT | BPF_K, row->last, 0, 0);',
    replace: 'emit(BPF_JMP | BPF_JGT | BPF_K, row->first, 0, 0);',
    subjects: all,
  },
  {
    what: 'fork.c: no filter of its own for a child',
    file: 'shim/fork.c',
    find: ' ||\n      filter_install(FILTER_GUEST) != 0',
    replace: '',
    subjects: ['child'],
  },
  {
    what: "fork.c: a parent's filter for a child",
    file: 'shim/fork.c',
    find: 'filter_install(FILTER_GUEST)',
    replace: 'filter_install(FILTER_PARENT)',
    subjects: ['child'],
  },
  {
    what: "shim.c: a parent's filter for every guest",
    file: 'shim/shim.c',
    find: 'parks ? FILTER_PARENT : virtual_time ? FILTER_VIRTUAL_TIME : FILTER_GUEST',
    replace: 'FILTER_PARENT',
    subjects: ['guest'],
  },
  {
    what: "shim.c: a guest's filter where time is made up",
    file: 'shim/shim.c',
    find: 'virtual_time ? FILTER_VIRTUAL_TIME : FILTER_GUEST',
    replace: 'FILTER_GUEST',
    subjects: ['virtual-time'],
  },
  {
    what: 'shim.c: no filter at all',
    file: 'shim/shim.c',
    find: '  if (filter_install(parks ?',
    replace: '  if (parks && filter_install(parks ?',
    subjects: ['guest'],
  },
  {
    what: 'shim.c: no filter at all for a translated interpreter',
    file: 'shim/shim.c',
    find: '  if (filter_install(FILTER_TRANSLATED) != 0) _exit(SHIM_EXIT_NO_FILTER);\n',
    replace: '',
    subjects: ['translated'],
  },
];
