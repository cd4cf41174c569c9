# What multiprocessing has for one process alone.
import multiprocessing

queue, lock, total = multiprocessing.Queue(), multiprocessing.Lock(), multiprocessing.Value("i", 3)
with lock, total.get_lock():
    total.value += 4
print(queue.empty(), total.value, lock.acquire(block=False), lock.acquire(block=False))
