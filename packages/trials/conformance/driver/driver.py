"""Runs the test methods of one module and writes one line of JSON for each event.

Usage: driver.py MODULE
MODULE is one of the package `test`, such as test_json, or one whose tests pytest runs, such as
numpy.lib.tests.test_io. Standard input holds the ids of methods that are not to be run, one a line.

Lines on standard output, each flushed at once, so that a crash loses nothing but the method that crashed:
  {"event": "start", "id": ID}
  {"event": "end", "id": ID, "outcome": "pass" | "fail" | "skip" | ..., "reason": TEXT}
  {"event": "trouble", "where": TEXT, "reason": TEXT}   outside of any method: an import, a setUpClass
  {"event": "done"}                                     the module was gone through
Whatever the tests themselves print goes to standard error.
"""
import importlib
import json
import os
import signal
import sys
import threading
import types
import unittest

# Dear in time, but nothing of the network, of gigabytes of disk or memory, or of a screen.
RESOURCES = ["cpu", "decimal", "subprocess"]

# How much of an exception is told; characters.
REASON_LENGTH = 500


def replace_testcapi():
    """Debian ships `_testcapi` without its C source: importing it fails in a way that takes whole modules with it.
    With an empty one only the methods that use it fail, bare and in the sandbox."""
    sys.modules["_testcapi"] = types.ModuleType("_testcapi")


def mend_gdbm():
    """PyPy's `_gdbm` takes one lock in every method and in `__del__`: when the collector finalizes one database while a
    method of another holds it, the interpreter waits for itself for ever (seen bare in one run of test_shelve in 20).
    A lock that its holder may take again ends that, bare and in the sandbox."""
    try:
        import _gdbm
    except ImportError:
        return
    _gdbm._lock = threading.RLock()


def mend_interning():
    """`sys.intern` remembers a string as long as its object lives, and a list of strings keeps their text alone: a
    collection between two calls makes test_pathlib's test_parts_interning fail, bare too. Here every interned string
    lives as long as the interpreter, bare and in the sandbox."""
    intern = sys.intern
    interned = {}

    def intern_for_ever(text):
        if type(text) is not str:
            return intern(text)
        # The None keeps the list one of objects, which a list of strings alone would not be.
        return interned.setdefault(text, [None, intern(text)])[1]

    sys.intern = intern_for_ever


def open_report():
    """Takes standard output for the report, and gives the tests standard error in its place."""
    report = open(os.dup(1), "w", encoding="utf-8", errors="backslashreplace")
    os.dup2(2, 1)
    return report


def clear_signals():
    """A method that fails halfway may leave a signal blocked or a timer set, and the next would hang for it."""
    signal.alarm(0)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


class Reporter:
    def __init__(self, stream):
        self.stream = stream

    def tell(self, event, **fields):
        self.stream.write(json.dumps({"event": event, **fields}) + "\n")
        self.stream.flush()


def reason_of(error):
    """The last line of a traceback, such as `OSError: [Errno 38] Function not implemented`, and where it was raised."""
    kind, value, trace = error
    try:
        text = str(value).strip()
    except Exception as broken:
        text = "<no text: %r>" % broken
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = "" if trace is None else " (%s:%d)" % (os.path.basename(trace.tb_frame.f_code.co_filename), trace.tb_lineno)
    return ("%s: %s" % (kind.__name__, text))[:REASON_LENGTH] + where


class Result(unittest.TestResult):
    """One outcome for each method; a subtest that fails makes its method fail."""

    def __init__(self, reporter, ids):
        super().__init__()
        self.reporter = reporter
        self.ids = ids
        self.outcome = None

    def startTest(self, test):
        super().startTest(test)
        self.outcome = None
        self.reporter.tell("start", id=self.ids[test])

    def stopTest(self, test):
        super().stopTest(test)
        clear_signals()
        outcome, reason = self.outcome or ("pass", "")
        self.reporter.tell("end", id=self.ids[test], outcome=outcome, reason=reason)

    def settle(self, test, outcome, reason):
        """The first that goes wrong in a method is its outcome; what is no method (setUpClass) is a trouble."""
        if test not in self.ids:
            self.reporter.tell("trouble", where=test.id(), reason=reason)
        elif self.outcome is None or self.outcome[0] == "skip":
            self.outcome = (outcome, reason)

    def addError(self, test, error):
        self.settle(test, "error", reason_of(error))

    def addFailure(self, test, error):
        self.settle(test, "fail", reason_of(error))

    def addSubTest(self, test, subtest, error):
        if error is not None:
            self.settle(test, "fail", reason_of(error))

    def addSkip(self, test, reason):
        self.settle(test, "skip", reason)

    def addExpectedFailure(self, test, error):
        self.settle(test, "expected failure", reason_of(error))

    def addUnexpectedSuccess(self, test):
        self.settle(test, "unexpected success", "")


def methods_of(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from methods_of(test)
        elif test is not None:
            yield test


class Runner:
    """Stands for the runner of test.support: what the modules hand to it is run here, and told."""

    def __init__(self, reporter, left_out):
        self.reporter = reporter
        self.left_out = left_out
        self.seen = {}

    def run_suite(self, suite):
        ids = {}
        for test in methods_of(suite):
            ids[test] = self.unique(test.id())
        kept = self.without(suite, ids)
        kept.run(Result(self.reporter, ids))

    def unique(self, name):
        """Some modules run a class twice, with other globals: the second is `name#2`."""
        self.seen[name] = self.seen.get(name, 0) + 1
        return name if self.seen[name] == 1 else "%s#%d" % (name, self.seen[name])

    def without(self, suite, ids):
        """The same suite less what is left out; its kind is kept, for some set up fixtures of their own."""
        kept = []
        for test in suite:
            if isinstance(test, unittest.TestSuite):
                kept.append(self.without(test, ids))
            elif test is not None and ids[test] not in self.left_out:
                kept.append(test)
        suite._tests = kept
        return suite


def run_module(name, runner):
    """As test.libregrtest does: by the module's own test_main where it has one, else by unittest's loader."""
    from test import support

    support.use_resources = RESOURCES
    support.verbose = 0
    support._run_suite = runner.run_suite
    module = importlib.import_module("test." + name)
    main = getattr(module, "test_main", None)
    if main is not None:
        main()
        return
    loader = unittest.TestLoader()
    suite = loader.loadTestsFromModule(module)
    for error in loader.errors:
        runner.reporter.tell("trouble", where="loader", reason=error.strip().splitlines()[-1])
    runner.run_suite(suite)


class PytestPlugin:
    """Tells what pytest tells its plugins. An id is that of pytest, without the name of the file."""

    def __init__(self, reporter, left_out):
        self.reporter = reporter
        self.left_out = left_out
        self.outcome = None

    def pytest_collection_modifyitems(self, items):
        items[:] = [item for item in items if id_of(item.nodeid) not in self.left_out]

    def pytest_collectreport(self, report):
        if report.failed:
            self.reporter.tell("trouble", where=report.nodeid, reason=last_line(report.longrepr))

    def pytest_runtest_logstart(self, nodeid):
        self.outcome = None
        self.reporter.tell("start", id=id_of(nodeid))

    def pytest_runtest_logreport(self, report):
        if self.outcome is None and report.outcome != "passed":
            self.outcome = report.outcome.replace("skipped", "skip").replace("failed", "fail"), last_line(report.longrepr)

    def pytest_runtest_logfinish(self, nodeid):
        clear_signals()
        outcome, reason = self.outcome or ("pass", "")
        self.reporter.tell("end", id=id_of(nodeid), outcome=outcome, reason=reason)


def id_of(nodeid):
    return nodeid.partition("::")[2]


def last_line(said):
    """Of what went wrong: pytest has a text, the crash that it stands for, or file, line and reason of a skip."""
    crash = getattr(said, "reprcrash", None)
    text = said[2] if isinstance(said, tuple) else str(said) if crash is None else "%s (%s:%d)" % (
        crash.message.replace("\n", " "), os.path.basename(crash.path), crash.lineno)
    return (text.strip().splitlines() or [""])[-1][:REASON_LENGTH]


def run_pytest(name, reporter, left_out):
    import pytest

    code = pytest.main(["-p", "no:cacheprovider", "--pyargs", name], plugins=[PytestPlugin(reporter, left_out)])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED):
        reporter.tell("trouble", where=name, reason="pytest ended with %r" % code)


def main():
    (name,) = sys.argv[1:]
    left_out = set(sys.stdin.read().split("\n"))
    reporter = Reporter(open_report())
    replace_testcapi()
    mend_gdbm()
    mend_interning()
    try:
        if "." in name:
            run_pytest(name, reporter, left_out)
        else:
            run_module(name, Runner(reporter, left_out))
    except unittest.SkipTest as skipped:
        reporter.tell("trouble", where=name, reason="skipped: %s" % skipped)
    except BaseException:
        reporter.tell("trouble", where=name, reason=reason_of(sys.exc_info()))
        raise
    reporter.tell("done")


if __name__ == "__main__":
    main()
