# The other way to deep recursion: a thread with a stack of its own.
import sys
import threading

sys.setrecursionlimit(200_000)
threading.stack_size(128 << 20)


def depth(n):
    return 0 if n == 0 else 1 + depth(n - 1)


thread = threading.Thread(target=lambda: print(depth(20_000)))
thread.start()
thread.join()
