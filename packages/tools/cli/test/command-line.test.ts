import { LIMITS } from '@sandpiper/contracts';
import { describe, expect, it } from 'vitest';
import { limitsOf } from '../src/limit-options.js';
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

  it.each([
    [['-c', 'print(1)', '-x', '--json', '--', 'y'], null, ['-x', '--json', '--', 'y'], { c: 'print(1)' }],
    [['-cprint(1)', '-c', 'x'], null, ['-c', 'x'], { c: 'print(1)' }],
    [['--json', '-m', 'timeit', '-n', '1'], null, ['-n', '1'], { json: true, m: 'timeit' }],
    [['--stdin', '-c', 'x.py', '-c'], 'x.py', ['-c'], { stdin: '-c' }],
    [['-m', 'm'], null, [], { m: 'm' }],
    [['-', '-c', 'x'], '-', ['-c', 'x'], {}],
    [['--json'], null, [], { json: true }],
  ])('%j names what runs as pypy3 does', async (words, program, args, options) => {
    expect(await parse('run', ...words)).toEqual({ command: 'run', given: [program, args, options] });
  });

  it('takes limits with units, by the names of the table, and those of earlier versions', async () => {
    const given = async (...words: string[]) => (await parse('run', ...words, 'x.py')).given[2];
    expect(
      await given(
        '--memory',
        '1.5g',
        '--time',
        '2s',
        '--output',
        '1000',
        '--open-files',
        '9',
        '--disk',
        '1MiB',
      ),
    ).toEqual({
      limits: {
        memoryBytes: 1.5 * 2 ** 30,
        cpuMs: 2000,
        outputBytes: 1000,
        openFiles: 9,
        diskBytes: 2 ** 20,
      },
    });
    expect(
      await given('--controller-cpu', '1min', '--files', '7', '--syscalls', '8', '--wall', '250'),
    ).toEqual({
      limits: { controllerCpuMs: 60_000, files: 7, syscalls: 8, wallMs: 250 },
    });
    expect(await given('--memory-mb', '1.5g', '--cpu-ms', '2s', '--wall-ms', '5')).toEqual({
      memoryMb: 1536,
      cpuMs: 2000,
      wallMs: 5,
    });
    expect(limitsOf({ memoryMb: 1536, cpuMs: 5, limits: { files: 7 } })).toEqual({
      memoryBytes: 1.5 * 2 ** 30,
      cpuMs: 5,
      files: 7,
    });
    expect(() => limitsOf({ memoryMb: 64, limits: { memoryBytes: 2 ** 26 } })).toThrow(
      /^--memory and --memory-mb set the same limit; give one of them$/,
    );
  });

  it('takes a stack that is a part of the memory', async () => {
    expect((await parse('run', '--stack', '8m', 'x.py')).given[2]).toEqual({
      limits: { stackBytes: 2 ** 23 },
    });
    expect(limitsOf({ memoryMb: 1024, limits: { stackBytes: 2 ** 30 } }).stackBytes).toBe(2 ** 30);
    expect(() => limitsOf({ limits: { stackBytes: 2 ** 29 } })).toThrow(
      /^--stack 512m is more than the memory limit of 256m; the stack is a part of the memory, so give --memory too$/,
    );
    expect(() => limitsOf({ memoryMb: 64, limits: { stackBytes: 2 ** 27 } })).toThrow(/limit of 64m;/);
  });

  it('has an option for each limit of the table', () => {
    const run = buildProgram('1.2.3', () => undefined).commands.find((command) => command.name() === 'run');
    const flags = run?.options
      .filter((option) => option.attributeName() === 'limits')
      .map(({ long }) => long);
    expect(new Set(flags).size).toBe(Object.keys(LIMITS).length);
    expect(run?.helpInformation()).toContain('--open-files <n>');
    expect(run?.helpInformation()).not.toContain('--cpu-ms');
  });

  it('takes a file under its own name', async () => {
    const { given } = await parse('run', '--file', 'sib/helper.py', 'x.py');
    expect(given[2]).toEqual({ file: [{ name: 'helper.py', value: 'sib/helper.py' }] });
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
    ['--memory-mb', '1x', /^--memory-mb needs a whole number from 8 to 65536, not "1x"$/],
    ['--memory-mb', '1k', /^--memory-mb needs a size from 8m to 64g, such as 512m or 1.5g, not "1k"$/],
    ['--memory', '512', /^--memory needs a size from 8m to 64g, such as 512m or 1.5g, not "512"$/],
    ['--memory', '1.5', /^--memory needs a size/],
    ['--memory', '-1m', /^--memory needs a size/],
    ['--memory', '1e3m', /^--memory needs a size/],
    ['--memory', '65g', /^--memory needs a size/],
    ['--memory', '9'.repeat(400), /^--memory needs a size/],
    ['--memory', '8m\u001b[2J', /not "8m\\x1b\[2J"$/],
    ['--stack', '0', /^--stack needs a size from 1m to 64g, such as 512m or 1.5g, not "0"$/],
    ['--stack', 'abc', /^--stack needs a size .*not "abc"$/],
    ['--stack', '65g', /^--stack needs a size/],
    ['--time', '0.5ms', /^--time needs a time from 1ms to 1h, such as 1500ms or 2s, not "0.5ms"$/],
    ['--time', '2m', /^--time needs a time/],
    ['--wall', '', /^--wall needs a time from 1ms to 2h, .*not ""$/],
    ['--open-files', '7', /^--open-files needs a whole number from 8 to 4096, not "7"$/],
    ['--syscalls', '1k', /^--syscalls needs a whole number/],
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
      given: ['p', ['a.py', 'b'], { server: 'http://h:1', json: 'o', retryUnreliable: 1, color: 'auto' }],
    });
    expect(await parse('doctor', '--json')).toEqual({ command: 'doctor', given: [{ json: true }] });
  });

  it('grade takes what is judged, under which limits, and its reports', async () => {
    const selection = ['--tests', 'sample/*', '--tests', 'secret/g1', '--submissions', 'a*'];
    const limits = ['--time-limit', '1.5s', '--memory', '64m'];
    const reports = [
      '--html',
      'h',
      '--gradescope',
      'g',
      '--secret-visibility',
      'hidden',
      '--save-outputs',
      'o',
    ];
    const { given } = await parse(
      'grade',
      'p',
      ...selection,
      ...limits,
      ...reports,
      '--show-secret',
      '--color',
      'never',
    );
    expect(given[2]).toEqual({
      ...{ tests: ['sample/*', 'secret/g1'], submissions: ['a*'], timeLimit: 1500, memory: 2 ** 26 },
      ...{ html: 'h', gradescope: 'g', secretVisibility: 'hidden', saveOutputs: 'o', showSecret: true },
      ...{ color: 'never', retryUnreliable: 1 },
    });
  });

  it.each([
    [['up', '--nodes', '0'], /--nodes needs/],
    [
      ['grade', 'p', '--time-limit', '2'],
      /^--time-limit needs a time with its unit, such as 1500ms or 2s, not "2"$/,
    ],
    [['grade', 'p', '--time-limit', '9h'], /^--time-limit needs a time from 1ms to 1h/],
    [['grade', 'p', '--memory', '512'], /^--memory needs a size from 8m to 64g/],
    [['grade', 'p', '--color', 'blue'], /--color/],
    [['grade', 'p', '--secret-visibility', 'all'], /--secret-visibility/],
    [['up', '--port', '65536'], /--port needs/],
    [['up', '--durability', 'never'], /--durability/],
    [['grade', '--server', 'localhost', 'p', 's'], /--server needs an address/],
    [['grade', '--server', 'ftp://x', 'p', 's'], /--server needs an address/],
  ])('refuse %j', async (argv, message) => {
    await expect(parse(...argv)).rejects.toThrow(message);
  });
});
