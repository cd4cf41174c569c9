"""datetime, time, calendar, argparse, logging, sys, traceback, warnings, inspect, ast, dis, platform, signal."""
import argparse
import ast
import calendar
import contextlib
import datetime
import inspect
import io
import logging
import logging.handlers
import os
import signal
import sys
import time
import traceback
import warnings

moment = datetime.datetime(2024, 2, 29, 13, 5, 7, 89, tzinfo=datetime.timezone.utc)
print(moment.isoformat(), moment + datetime.timedelta(days=366), f"{moment:%A %d %B %Y %H:%M:%S %j %U}")
print(datetime.date.fromisoformat("2024-12-31").isocalendar(), datetime.timedelta(hours=-5, minutes=1))
print(datetime.datetime.strptime("03/04/21 23h", "%d/%m/%y %Hh"), calendar.monthrange(2024, 2), calendar.isleap(1900))
print(time.strftime("%Y-%m-%d", time.gmtime(0)), time.gmtime(86400 * 365).tm_year, time.tzname, calendar.month(2024, 2))
begun = time.perf_counter()
time.sleep(0.01)
print(0.01 <= time.perf_counter() - begun < 20, time.monotonic() > 0, time.time() > 1.7e9, time.process_time() >= 0)
parser = argparse.ArgumentParser(prog="tool", description="Does things.")
parser.add_argument("files", nargs="*")
parser.add_argument("-n", "--number", type=int, default=3, help="how many")
parser.add_argument("--mode", choices=["a", "b"])
print(parser.parse_args(["x", "y", "-n", "7", "--mode=b"]))
parser.print_usage()
for words in (["--mode", "c"], ["-n", "many"]):
    with contextlib.redirect_stderr(io.StringIO()) as said:
        try:
            parser.parse_args(words)
        except SystemExit as end:
            print(end.code, said.getvalue().splitlines()[-1])
logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(levelname)s:%(name)s:%(funcName)s:%(message)s")
logger = logging.getLogger("part")
memory = logging.handlers.MemoryHandler(10)
logger.addHandler(memory)


def work():
    logger.info("value %d", 3)
    try:
        [][1]
    except IndexError:
        logger.exception("failed")


work()
print(len(memory.buffer), logger.isEnabledFor(logging.DEBUG))
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    warnings.warn("old", DeprecationWarning)
    print(caught[0].category.__name__, caught[0].message)
try:
    raise ValueError("outer") from KeyError("inner")
except ValueError as error:
    print("".join(traceback.format_exception(type(error), error, None)).splitlines())
    print(traceback.extract_tb(sys.exc_info()[2])[-1].lineno > 0)
print(inspect.signature(parser.add_argument), inspect.getsource(work).count("\n"), inspect.isfunction(work))
print(ast.literal_eval("{'a': [1, 2.5, (3,)]}"), ast.dump(ast.parse("x = 1 + y").body[0].value))
print(sys.byteorder, sys.maxsize, sys.getrecursionlimit(), sys.float_info.dig, sys.argv, sys.flags.optimize)


def rang(number, frame):
    print("signal", signal.Signals(number).name)


signal.signal(signal.SIGALRM, rang)
signal.setitimer(signal.ITIMER_REAL, 0.01)
signal.pause()
signal.signal(signal.SIGUSR1, rang)
os.kill(os.getpid(), signal.SIGUSR1)
print(sorted(signal.Signals(number).name for number in signal.pthread_sigmask(signal.SIG_BLOCK, [])))
