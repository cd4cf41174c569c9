import time

n = int(input())
while True:
    # waiting for a better idea
    time.sleep(60)
