import { describe, expect, it } from 'vitest';
import { buildProgram, type Commands } from '../src/program.js';

interface Call {
  command: string;
  given: unknown[];
}

/** Parses a command line and gives what would have been done. */
async function parse(...argv: string[]): Promise<Call> {
  let call: Call | null = null;
  const record =
    (command: string) =>
    async (...given: unknown[]): Promise<number> => {
      call = { command, given };
      return 7;
    };
  const commands: Commands = {
    run: record('run'),
    interact: record('interact'),
    replay: record('replay'),
    up: record('up'),
    grade: record('grade'),
    map: record('map'),
    doctor: record('doctor'),
  };
  const codes: number[] = [];
  const program = buildProgram('1.2.3', (code) => codes.push(code), commands);
  await program.parseAsync(argv, { from: 'user' });
  expect(codes).toEqual([7]);
  if (call === null) throw new Error('no command ran');
  return call;
}

describe('run', () => {
  it('takes options before the program, and passes everything after it to the program', async () => {
    expect(
      await parse('run', '--json', '--cpu-ms', '500', 'x.py', '--cpu-ms', 'abc', '-h', '--', 'y'),
    ).toEqual({
      command: 'run',
      given: ['x.py', ['--cpu-ms', 'abc', '-h', '--', 'y'], { json: true, cpuMs: 500 }],
    });
  });

  it('collects files and variables', async () => {
    const { given } = await parse(
      'run',
      '--file',
      'a=/x',
      '--file',
      'b/c=y=z',
      '--env',
      'E=',
      '--env',
      'F=1',
      'x.py',
    );
    expect(given[2]).toEqual({
      file: [
        { name: 'a', value: '/x' },
        { name: 'b/c', value: 'y=z' },
      ],
      env: [
        { name: 'E', value: '' },
        { name: 'F', value: '1' },
      ],
    });
  });

  it.each([
    ['--cpu-ms', '0', /^--cpu-ms needs a whole number from 1 to \d+, not "0"$/],
    ['--cpu-ms', 'abc', /not "abc"$/],
    ['--wall-ms', '-5', /not "-5"$/],
    ['--wall-ms', '1e3', /not "1e3"$/],
    ['--memory-mb', '7', /from 8 to/],
    ['--memory-mb', '1.5', /not "1.5"$/],
    ['--output-mb', '257', /to 256,/],
    ['--disk-mb', '', /not ""$/],
    ['--cpu', '-1', /--cpu needs/],
    ['--engine', 'wasm', /^--engine: unknown engine "wasm"; use one of seccomp, rpython$/],
    ['--env', 'NOVALUE', /^--env needs KEY=VALUE, not "NOVALUE"$/],
    ['--file', '=x', /^--file needs NAME=PATH/],
    ['--engine', '\u001b[2J', /"\\x1b\[2J"/],
  ])('refuses %s %j', async (option, value, message) => {
    await expect(parse('run', option, value, 'x.py')).rejects.toThrow(message);
  });
});

describe('the other commands', () => {
  it('take their options', async () => {
    const up = ['up', '--nodes', '2', '--port', '0', '--host', '::1', '--state-dir', 's'];
    const given = { nodes: 2, port: 0, host: '::1', stateDir: 's', durability: 'always' };
    expect(await parse(...up)).toEqual({ command: 'up', given: [given] });
    expect(await parse(...up, '--durability', 'everysec')).toMatchObject({
      given: [{ durability: 'everysec' }],
    });
    expect(await parse('grade', 'p', 'a.py', 'b', '--server', 'http://h:1/', '--json', 'o')).toEqual({
      command: 'grade',
      given: ['p', ['a.py', 'b'], { server: 'http://h:1', json: 'o' }],
    });
    expect(await parse('doctor', '--json')).toEqual({ command: 'doctor', given: [{ json: true }] });
  });

  it.each([
    [['up', '--nodes', '0'], /--nodes needs/],
    [['up', '--port', '65536'], /--port needs/],
    [['up', '--durability', 'never'], /--durability/],
    [['grade', '--server', 'localhost', 'p', 's'], /--server needs an address/],
    [['grade', '--server', 'ftp://x', 'p', 's'], /--server needs an address/],
  ])('refuse %j', async (argv, message) => {
    await expect(parse(...argv)).rejects.toThrow(message);
  });
});
