import argparse
import os
import sys

parser = argparse.ArgumentParser(prog="arguments", description="Adds or multiplies numbers.")
parser.add_argument("numbers", nargs="+", type=int)
parser.add_argument("--operation", choices=["add", "multiply"], default="add")
parser.add_argument("-v", "--verbose", action="count", default=0)
options = parser.parse_args()
total = 0 if options.operation == "add" else 1
for number in options.numbers:
    total = total + number if options.operation == "add" else total * number
print(options.operation, total, options.verbose, sys.argv[1:], os.path.basename(sys.argv[0]))
parser.parse_args(["--operation", "divide", "1"])
