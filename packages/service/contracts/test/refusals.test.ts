import { expect, it } from 'vitest';
import { refusalLine } from '../src/refusals.js';

it('what was refused is one line, in a fixed order', () => {
  expect(refusalLine(undefined)).toBeNull();
  expect(refusalLine(['sockets'])).toBe('the program tried to use a socket, which the sandbox refuses');
  expect(refusalLine(['threads', 'processes'])).toBe(
    'the program tried to start a process and to start a thread, which the sandbox refuses',
  );
});
