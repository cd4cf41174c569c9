import multiprocessing

try:
    with multiprocessing.Pool(2) as pool:
        print(pool.map(abs, [-1, -2]))
except OSError as error:
    print(error)
