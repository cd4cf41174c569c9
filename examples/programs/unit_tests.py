import sys
import unittest


def median(values):
    ordered = sorted(values)
    return ordered[len(ordered) // 2]


class MedianTest(unittest.TestCase):
    def setUp(self):
        self.values = [3, 1, 2]

    def test_odd(self):
        self.assertEqual(median(self.values), 2)

    def test_even(self):
        self.assertEqual(median([1, 2, 3, 4]), 2.5)

    def test_empty(self):
        with self.assertRaises(IndexError):
            median([])

    @unittest.skip("not written yet")
    def test_strings(self):
        self.fail()


# The usual runner prints how long it took, which no two runs agree on.
suite = unittest.defaultTestLoader.loadTestsFromTestCase(MedianTest)
result = unittest.TestResult()
suite.run(result)
print(result.testsRun, len(result.failures), len(result.errors), len(result.skipped))
for test, trace in result.failures:
    print(test.id(), trace.strip().splitlines()[-1])
sys.exit(not result.wasSuccessful())
