"""More memory than there is, and no end of asking."""
while True:
    try:
        bytearray(1 << 35)
    except MemoryError:
        print("asks again")
