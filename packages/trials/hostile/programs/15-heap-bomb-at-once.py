"""More memory than there is, asked for without end: each growth is refused."""
while True:
    try:
        bytearray(1 << 35)
    except MemoryError:
        print("asks again")
