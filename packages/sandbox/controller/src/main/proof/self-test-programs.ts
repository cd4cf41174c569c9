/**
 * The first calls of a hostile program, with the virtual kernel's answers. The real kernel would answer
 * differently, which reveals a call that reached it: the process has other ids there, perhaps no descriptors
 * at all (EMFILE), and a user.
 */
export const HOSTILE_CALLS: readonly (readonly [name: string, call: string, answer: number])[] = [
  ['getpid', '39', 2],
  ['getuid', '102', 1000],
  ['open', '2, canary, 0', -2],
  ['openat', '257, -100, canary, 0', -2],
  ['socket (INET)', '41, 2, 1, 0', -1],
  ['socket (UNIX)', '41, 1, 1, 0', -1],
  ['socket (NETLINK)', '41, 16, 3, 0', -1],
  ['io_uring_setup', '425, 1, 0', -38],
  ['ptrace', '101, 0, 0, 0, 0', -1],
  ['mmap (shared, of a descriptor)', '9, 0, 4096, 1, 1, 1, 0', -19],
  ['read (64-bit descriptor)', `0, ${2 ** 32 + 8190}, 0, 1`, -9],
  ['prctl (PR_SET_DUMPABLE)', '157, 4, 1, 0, 0', -22],
  ['clone', '56, 17, 0, 0, 0, 0', -11],
  ['clone3', '435, 0, 0', -11],
  ['fork', '57', -11],
  // The last, as it would end the output.
  ['execve', '59, program, 0, 0', -1],
];

/**
 * Makes them natively, through the C library, and prints a number for each. Its arguments are a
 * world-readable file of the host, and one that it tries to make.
 */
export const HOSTILE = `
import ctypes, os, sys
library = ctypes.CDLL(None, use_errno=True)
library.syscall.restype = ctypes.c_long
canary, made = os.fsencode(sys.argv[1]), os.fsencode(sys.argv[2])
program = b"/bin/true"
def call(*words):
    ctypes.set_errno(0)
    result = library.syscall(*[word if isinstance(word, bytes) else ctypes.c_long(word) for word in words])
    return result if result >= 0 else -ctypes.get_errno()
try: print("host file", len(open(canary).read()))
except FileNotFoundError: print("host file", -2)
open(made, "w").close()
for words in [${HOSTILE_CALLS.map(([, call]) => `(${call},)`).join(', ')}]: print(call(*words))
`;

/** A call of x32 (bit 30 of the number). It has no answer. */
export const OTHER_MODE = `
import ctypes
print("answered", ctypes.CDLL(None).syscall(0x40000000 | 39))
`;

export const SPIN = 'while True: pass';

export const BOMB = 'held = []\nwhile True: held.append(b"x" * (1 << 20) + bytes([len(held) & 255]))';

export const SLEEP = 'import time\ntime.sleep(3600)';
