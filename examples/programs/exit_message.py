import sys

try:
    sys.exit("the message goes to stderr, and the exit code is 1: ünïcödé")
finally:
    print("finally")
