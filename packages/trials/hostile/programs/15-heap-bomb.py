"""More and more memory, piece by piece."""
pieces = []
while True:
    pieces.append(bytearray(1 << 20))
