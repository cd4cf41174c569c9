import { expect, it } from 'vitest';
import { findTests } from '../../src/courses/unit-tests/find-tests.js';
import { InputError } from '../../src/files/errors.js';

const find = (text: string, name = 'test_a.py') => findTests([{ name, text }], 'tests');
const idsOf = (text: string): string[] => find(text).tests.map(({ id }) => id);

it('finds the methods of test classes and functions, in their order', () => {
  const text = `
import unittest
from unittest import TestCase as Case

def helper(): pass

def test_function(): pass

class Base(unittest.TestCase):
    def setUp(self): pass
    def test_b(self):
        """def test_in_a_docstring(self): no"""
    async def test_a(
        self,
    ):
        pass

class Derived(Base):
    def test_c(self): pass
    # def test_comment(self): pass
    TEXT = "def test_text(self): pass"
    def test_b(self): pass

class Other:
    def test_nothing(self): pass
`;
  expect(idsOf(text)).toEqual([
    'test_function',
    'Base.test_b',
    'Base.test_a',
    'Derived.test_c',
    'Derived.test_b',
    'Derived.test_a',
  ]);
});

it('a base class may lie in another file', () => {
  const sources = [
    {
      name: 'common.py',
      text: 'import unittest\nclass Common(unittest.TestCase):\n  def test_x(self): pass',
    },
    { name: 'test_b.py', text: 'from common import Common\nclass Mine(Common):\n  def test_y(self): pass' },
  ];
  expect(findTests(sources, 'tests').tests.map(({ file, id }) => [file, id])).toEqual([
    ['test_b.py', 'Mine.test_y'],
    ['test_b.py', 'Mine.test_x'],
  ]);
});

it('reads points, numbers and visibility from decorators and attributes', () => {
  const text = `
class TestMarks(TestCase):
    @weight(2.5)
    @number("1.1")
    @visibility('hidden')
    def test_a(self): pass
    @decorators.partial_credit(weight=10)
    @hide_errors()
    def test_b(self, set_score=None): pass
    def test_c(self): pass
    test_c.__weight__ = 0
    @unittest.skip("not yet")
    def test_d(self): pass
    @patch('a.b', new=[1, (2, 3)])
    def test_e(self, patched): pass
`;
  const { tests, skipped } = find(text);
  expect(tests.map(({ marks }) => [marks.points, marks.number, marks.visibility, marks.hiddenBy])).toEqual([
    [2.5, '1.1', 'hidden', null],
    [10, null, 'visible', 'Test failed'],
    [0, null, 'visible', null],
    [1, null, 'visible', null],
  ]);
  expect(skipped).toEqual(['tests/test_a.py: TestMarks.test_d']);
});

it('tells what only pytest can run', () => {
  const text = (imports: string): string =>
    `${imports}\ndef test_plain(): pass\ndef test_fixture(tmp_path): pass\ndef test_default(a=1): pass\nclass TestA:\n  def test_m(self): pass`;
  const needs = (imports: string): boolean[] =>
    find(text(imports)).tests.map(({ needsPytest }) => needsPytest);
  expect(needs('import json')).toEqual([false, true, false, true]);
  expect(needs('import pytest')).toEqual([true, true, true, true]);
});

it.each([
  [
    'a weight that is no number',
    'class A(TestCase):\n  @weight(POINTS)\n  def test_a(self): pass',
    /test_a\.py:2: @weight: needs a number/,
  ],
  [
    'a visibility that is none',
    'class A(TestCase):\n  @visibility("x")\n  def test_a(self): pass',
    /@visibility: must be one of/,
  ],
  [
    'a weight of a class',
    '@weight(2)\nclass A(TestCase):\n  def test_a(self): pass',
    /:1: @weight is for a test, not for a class/,
  ],
  [
    'a leaderboard',
    'class A(TestCase):\n  @leaderboard("x")\n  def test_a(self): pass',
    /leaderboards are not kept here/,
  ],
  [
    'a test that is defined twice',
    'class A(TestCase):\n  def test_a(self): pass\n  def test_a(self): pass',
    /A\.test_a twice/,
  ],
  ['load_tests', 'def load_tests(a, b, c): pass', /load_tests makes tests when it runs/],
  ['a string without an end', 'x = "abc\n', /test_a\.py:1: a string does not end/],
  ['a bracket without an end', 'x = (\n', /test_a\.py:1: a bracket does not end/],
])('%s is refused with its place', (_, text, message) => {
  expect(() => find(text)).toThrow(InputError);
  expect(() => find(text)).toThrow(message);
});

it('classes that are their own bases end', () => {
  expect(idsOf('class A(B):\n  def test_a(self): pass\nclass B(A):\n  def test_b(self): pass')).toEqual([]);
});
