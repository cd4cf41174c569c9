import pathlib
import sys

import pytest

pathlib.Path("test_things.py").write_text('''
import pytest

@pytest.fixture
def box(tmp_path):
    yield tmp_path / "box"

@pytest.mark.parametrize("number", [1, 2, 3])
def test_square(number):
    assert number * number < 9

def test_file(box):
    box.write_text("x")
    assert box.read_text() == "x"

def test_raises(monkeypatch, capsys):
    monkeypatch.setenv("WHERE", "here")
    print("said")
    assert capsys.readouterr().out == "said\\n"
    with pytest.raises(ZeroDivisionError, match="zero"):
        1 / 0

@pytest.mark.skip(reason="later")
def test_later():
    pass

@pytest.mark.xfail
def test_known():
    assert [1, 2] == [1, 3]
''')


class Told:
    def pytest_runtest_logreport(self, report):
        if report.when == "call" or report.outcome == "skipped":
            print(report.nodeid, report.outcome)

    def pytest_sessionfinish(self, exitstatus):
        print("ended with", int(exitstatus))


code = pytest.main(["-qq", "--tb=line", "-p", "no:cacheprovider", "test_things.py"], plugins=[Told()])
print(code)
sys.exit(code)
