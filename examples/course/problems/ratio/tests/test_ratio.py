import unittest

from gradescope_utils.autograder_utils.decorators import hide_errors, number, partial_credit, visibility, weight

import ratio


class SimplifyTest(unittest.TestCase):
    @number("1.1")
    @weight(1)
    def test_halves(self):
        self.assertEqual(ratio.simplify(2, 4), (1, 2))

    @number("1.2")
    @weight(1)
    def test_negative(self):
        self.assertEqual(ratio.simplify(3, -6), (-1, 2))

    @number("1.3")
    @weight(2)
    @visibility("hidden")
    def test_zero(self):
        self.assertEqual(ratio.simplify(0, 5), (0, 1))


class AddTest(unittest.TestCase):
    CASES = [((1, 2), (1, 3), (5, 6)), ((1, 2), (1, 2), (1, 1)), ((1, 4), (1, 4), (1, 2)), ((2, 3), (1, 6), (5, 6))]

    @number("2.1")
    @partial_credit(4)
    def test_sums(self, set_score=None):
        """One point for each sum that is right."""
        set_score(sum(ratio.add(a, b) == expected for a, b, expected in self.CASES))

    @number("2.2")
    @weight(2)
    @hide_errors("Is the sum of anything and nothing right?")
    def test_nothing(self):
        self.assertEqual(ratio.add((0, 1), (3, 4)), (3, 4))
