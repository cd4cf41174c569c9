for i in range(COUNT):
    print(i, flush=True)
