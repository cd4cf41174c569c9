/** Where the tests of the teacher lie in a run: a program cannot write there. */
export const TESTS_FOLDER = '/judge/tests';
export const HELPERS_FOLDER = '/judge/helpers';

/** Starts in place of the student's program, in its folder. */
export const DRIVER_NAME = 'sandpiper_unit_test.py';

/** What the driver is told on its standard input. */
export interface DriverOrder {
  /** Only a report with it counts. */
  readonly token: string;
  readonly file: string;
  /** The name of the module, which may be in a package. */
  readonly module: string;
  /** `TestSum.test_empty`, or the name of a function. */
  readonly test: string;
  /** All tests of the file that are known without running it. */
  readonly known: readonly string[];
  /** Folders of the tests that modules may come from. */
  readonly path: readonly string[];
  /** Modules that students hand in though the library has one of the same name. */
  readonly modules: readonly string[];
  readonly pytest: boolean;
  /** Whether the teacher gives pytest along; a student's module of that name is none. */
  readonly bringsPytest: boolean;
}

/**
 * Runs one test and reports it over a descriptor that nothing else writes to: before the student's code is imported, the
 * standard output becomes the standard error. Everything that it needs later is bound before that.
 */
export const DRIVER_SOURCE = String.raw`import sys

FOLDER = sys.path.pop(0)

import builtins, importlib, importlib.util, json, linecache, os, traceback, types, unittest
from importlib.machinery import PathFinder

MAY_CHANGE = {'input', 'print', 'open', '_', 'exit', 'quit', 'help', 'copyright', 'credits', 'license'}
SEALED = (unittest, unittest.case, unittest.suite, unittest.result, unittest.loader)


def line_of(error):
    try:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    except BaseException:
        lines = ['its message cannot be read']
    if not lines and isinstance(error, AssertionError):
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.line for frame in frames if frame.filename.startswith('/judge/')][-1:]
    return ': '.join([type(error).__name__, *lines[:1]])[:300]


def state():
    """What a program must not change: unittest, and the built-in functions."""
    found = {('builtins', name): (value, None) for name, value in vars(builtins).items() if name not in MAY_CHANGE}
    for module in SEALED:
        for name, value in list(vars(module).items()):
            if isinstance(value, type):
                for below, item in list(vars(value).items()):
                    item = getattr(item, '__func__', item)
                    if callable(item):
                        found[module.__name__, name, below] = (item, getattr(item, '__code__', None))
            if callable(value):
                found[module.__name__, name] = (value, getattr(value, '__code__', None))
    return found


def changed(before, state=state):
    now = state()
    for key, (value, code) in before.items():
        found = now.get(key)
        if found is None or found[0] is not value or found[1] is not code:
            return {'outcome': 'error', 'reason': 'the program changes ' + '.'.join(key)}
    return None


class Recorder(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.passed = False
        self.fault = None

    def note(self, outcome, err):
        traceback.print_exception(*err)
        if self.fault is None:
            self.fault = {'outcome': outcome, 'reason': line_of(err[1])}

    def addSuccess(self, test):
        self.passed = True

    def addFailure(self, test, err):
        self.note('failed', err)

    def addError(self, test, err):
        self.note('error', err)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.note('failed' if issubclass(err[0], test.failureException) else 'error', err)

    def addSkip(self, test, reason):
        self.fault = self.fault or {'outcome': 'skipped', 'reason': str(reason)[:300]}

    def addExpectedFailure(self, test, err):
        self.passed = True

    def addUnexpectedSuccess(self, test):
        self.fault = {'outcome': 'failed', 'reason': 'the test passes, and is expected to fail'}


class HandedIn:
    """Finds the modules that students hand in before those of the library, and no pytest of theirs."""

    def __init__(self, order):
        self.names = set(order['modules'])
        self.brings_pytest = order['bringsPytest']

    def find_spec(self, name, path=None, target=None):
        if name == 'pytest' and not self.brings_pytest:
            found = PathFinder.find_spec(name, [folder for folder in sys.path if folder != FOLDER])
            if found is None:
                raise ModuleNotFoundError("No module named 'pytest'", name=name)
            return found
        return PathFinder.find_spec(name, [FOLDER]) if name in self.names else None


def prepare(order):
    sys.path += [*order['path'], FOLDER]
    sys.argv[:] = [order['file']]
    for name in order['modules']:
        sys.modules.pop(name, None)
    sys.meta_path.insert(0, HandedIn(order))


def load(order):
    package = order['module'].rpartition('.')[0]
    if package:
        importlib.import_module(package)
    spec = importlib.util.spec_from_file_location(order['module'], order['file'])
    module = importlib.util.module_from_spec(spec)
    sys.modules[order['module']] = module
    spec.loader.exec_module(module)
    return module


def import_fault(error):
    traceback.print_exception(type(error), error, error.__traceback__)
    if isinstance(error, SyntaxError) and str(error.filename).startswith('/judge/'):
        return {'outcome': 'broken', 'reason': line_of(error)}
    if isinstance(error, ImportError) and error.name == 'pytest':
        return {'outcome': 'broken', 'reason': 'it needs pytest, which the interpreter of the sandbox does not have'}
    return {'outcome': 'error', 'reason': line_of(error)}


def made_later(module, order):
    """Tests that only running the file makes: they have no points."""
    found = set()
    for value in list(vars(module).values()):
        if isinstance(value, type) and issubclass(value, unittest.TestCase) and value.__module__ == module.__name__:
            found |= {value.__name__ + '.' + name for name in unittest.TestLoader().getTestCaseNames(value)}
    return sorted(found - set(order['known']))


def with_unittest(module, name):
    owner, _, method = name.rpartition('.')
    where = getattr(module, owner) if owner else module
    test = getattr(where, method)
    for one in (where, test):
        if getattr(one, '__unittest_skip__', False):
            return {'outcome': 'broken', 'reason': 'is skipped: ' + str(one.__unittest_skip_why__)[:300]}
    case = where(method) if owner else unittest.FunctionTestCase(test)
    result = Recorder()
    unittest.TestSuite([case]).run(result)
    marked = getattr(case, method) if owner else test
    report = result.fault or ({'outcome': 'passed'} if result.passed else {'outcome': 'error', 'reason': 'did not run'})
    score = getattr(marked, '__score__', None)
    return {**report, 'score': None if score is None else float(score)}


class PytestRecorder:
    def __init__(self):
        self.passed = 0
        self.fault = None

    def pytest_runtest_logreport(self, report):
        if report.failed:
            crash = getattr(report.longrepr, 'reprcrash', None)
            lines = str(crash.message if crash else report.longrepr).strip().splitlines()
            outcome = 'failed' if lines[:1] and lines[0].startswith(('assert', 'AssertionError', 'Failed')) else 'error'
            self.fault = self.fault or {'outcome': outcome, 'reason': ''.join(lines[:1])[:300]}
        elif report.when == 'call' and report.passed:
            self.passed += 1

    def pytest_collectreport(self, report):
        if report.failed:
            lines = str(report.longrepr).strip().splitlines()
            self.fault = self.fault or {'outcome': 'error', 'reason': ''.join(lines[-1:]).removeprefix('E').strip()[:300]}


def with_pytest(order):
    os.environ['PYTEST_DISABLE_PLUGIN_AUTOLOAD'] = '1'
    try:
        import pytest
    except Exception as error:
        if getattr(error, 'name', None) == 'pytest':
            raise
        return {'outcome': 'broken', 'reason': 'pytest cannot be imported: ' + line_of(error)}
    recorder = PytestRecorder()
    where = '::'.join([order['file'], *order['test'].split('.')])
    options = ['-q', '--capture=sys', '-p', 'no:cacheprovider', '-p', 'no:faulthandler', '--rootdir=/judge/tests']
    code = pytest.main([*options, where], plugins=[recorder])
    if recorder.fault is not None:
        return recorder.fault
    if code == 0 and recorder.passed > 0:
        return {'outcome': 'passed'}
    return {'outcome': 'error', 'reason': 'pytest ended with %d, and %d tests passed' % (code, recorder.passed)}


def run(order):
    before = state()
    prepare(order)
    try:
        report = with_pytest(order) if order['pytest'] else with_module(load(order), order, before)
    except BaseException as error:
        report = import_fault(error)
    return changed(before) or report


def with_module(module, order, before):
    later = made_later(module, order)
    if later:
        return {'outcome': 'broken', 'reason': later[0] + ' is made when the tests run, and must be written in the file'}
    return changed(before) or with_unittest(module, order['test'])


def main(write=os.write, leave=os._exit, dumps=json.dumps):
    order = json.loads(sys.stdin.buffer.read())
    token = order.pop('token')
    channel = os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    report = run(order)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BaseException:
            pass
    write(channel, (token + ' ' + dumps(report) + '\n').encode())
    leave(0)


main()
`;

/**
 * The decorators of gradescope-utils by their names, for tests that import them. Their values are read from the source of
 * the tests; here only what a test asks for when it runs has an effect.
 */
const DECORATORS = String.raw`import functools


def _mark(name, value):
    def mark(function):
        setattr(function, name, value)
        return function
    return mark


def weight(val):
    return _mark('__weight__', val)


def number(val):
    return _mark('__number__', str(val))


def visibility(val):
    return _mark('__visibility__', val)


def hide_errors(val='Test failed'):
    return _mark('__hide_errors__', val)


def tags(*args):
    return _mark('__tags__', args)


def partial_credit(weight):
    """The test gets set_score, with which it says how many of the points are earned."""

    def mark(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            def set_score(score):
                wrapper.__score__ = score
            return function(*args, set_score=set_score, **kwargs)
        wrapper.__weight__ = weight
        return wrapper

    return mark
`;

/** Files of a run, below {@link HELPERS_FOLDER}. */
export const HELPERS: Readonly<Record<string, string>> = {
  'gradescope_utils/__init__.py': '',
  'gradescope_utils/autograder_utils/__init__.py': '',
  'gradescope_utils/autograder_utils/decorators.py': DECORATORS,
};
