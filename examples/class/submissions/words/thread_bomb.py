import threading
import time


def spin():
    while True:
        time.sleep(0.01)


threads = []
while True:
    threads.append(threading.Thread(target=spin, daemon=True))
    threads[-1].start()
