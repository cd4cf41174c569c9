import { ENGINES } from '@sandpiper/contracts';
import { Command, Option } from 'commander';
import type { RuntimesOptions } from './runtimes/command.js';
import type { DoctorOptions } from './doctor.js';
import type { GradeOptions } from './grade/command.js';
import type { InteractOptions } from './run/interact.js';
import type { MapOptions } from './map/command.js';
import type { UpOptions } from './embedded/command.js';
import { examples } from './help.js';
import { outputTarget } from './run/output-files.js';
import { withLimitOptions } from './limit-options.js';
import {
  engine,
  filePair,
  librariesOption,
  listed,
  pair,
  retryOption,
  runtimeOption,
  serverUrl,
  wholeNumber,
} from './options.js';
import { addGrade } from './program-grade.js';
import { addJudgingCommands } from './program-judging.js';
import { addServiceCommands } from './program-service.js';
import { addVerify } from './program-verify.js';
import type { RunOptions } from './run/input.js';
import { RunCommand } from './run/start.js';

const MAX_NODES = 64;

/** The implementations of the commands; tests replace them. Each returns the exit code. */
export interface Commands {
  /** @param program null where options say what runs */
  run(program: string | null, args: readonly string[], options: RunOptions): Promise<number>;
  interact(options: InteractOptions): Promise<number>;
  replay(transcript: string): Promise<number>;
  up(options: UpOptions): Promise<number>;
  grade(problem: string, submissions: readonly string[], options: GradeOptions): Promise<number>;
  map(program: string, inputs: string, options: MapOptions): Promise<number>;
  doctor(options: DoctorOptions): Promise<number>;
}

/** Each command loads only its own modules: `run` starts often and needs no HTTP client. */
const COMMANDS: Commands = {
  run: async (...given) => (await import('./run/command.js')).runCommand(...given),
  interact: async (...given) => (await import('./run/interact.js')).interactCommand(...given),
  replay: async (...given) => (await import('./run/replay.js')).replayCommand(...given),
  up: async (...given) => (await import('./embedded/command.js')).upCommand(...given),
  grade: async (...given) => (await import('./grade/command.js')).gradeCommand(...given),
  map: async (...given) => (await import('./map/command.js')).mapCommand(...given),
  doctor: async (...given) => (await import('./doctor.js')).doctorCommand(...given),
};

/** The command line. `onExitCode` gets the exit code of the command. */
export function buildProgram(
  version: string,
  onExitCode: (code: number) => void,
  commands: Commands = COMMANDS,
): Command {
  const program = new Command('sandpiper')
    .description('Runs untrusted Python in a sandbox with limits.')
    .version(version)
    // Without this, options after PROGRAM would be parsed as ours.
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(`sandpiper: ${text.replace(/^error: /, '')}`) })
    .showSuggestionAfterError(true);
  addRun(program, commands, onExitCode);
  addInteract(program, commands, onExitCode);
  addReplay(program, commands, onExitCode);
  addUp(program, commands, onExitCode);
  addGrade(program, (...given) => commands.grade(...given), onExitCode);
  addVerify(program, onExitCode);
  addMap(program, commands, onExitCode);
  addJudgingCommands(program, onExitCode);
  addServiceCommands(program, onExitCode);
  addRuntimes(program, onExitCode);
  addDoctor(program, commands, onExitCode);
  program.addHelpText(
    'after',
    examples(
      ['sandpiper run hello.py', 'run one program on this host'],
      ['sandpiper interact', 'a prompt in the sandbox'],
      ['sandpiper grade examples/class', 'grade a class, through the whole service'],
      ['sandpiper map solve.py inputs.jsonl', 'one program over many inputs'],
      ['sandpiper up', 'start the service'],
      ['sandpiper help run', 'help for one command'],
    ),
  );
  return program;
}

function addRun(program: Command, commands: Commands, onExitCode: (code: number) => void): void {
  const run = new RunCommand('run').copyInheritedSettings(program);
  program.addCommand(run);
  retryOption(withGuestOptions(run), 0)
    .description('Run one program on this host, as pypy3 would, or with --server on a service.')
    .usage('[options] <program | - | -c code | -m module> [args...]')
    .argument('[program]', 'a Python file; "-" is the standard input')
    .argument('[args...]', 'passed to the program')
    .passThroughOptions()
    .option('-c <code>', 'run code in place of a file; every word after it goes to the program')
    .option('-m <module>', 'run a module of --file, --folder or the library; every word after it goes to it')
    .option('--server <url>', 'run on a remote service, attached to this terminal', serverUrl)
    .option('--json', "print the result as JSON instead of the program's output")
    .option('--combined', 'write the standard error where the standard output goes, in order')
    .option('--weaker-limits', 'run even where this host has less memory than the limit')
    .addOption(
      new Option('--strict-limits', 'run only where a control group holds the memory limit').conflicts(
        'weakerLimits',
      ),
    )
    .option('--stdin <file>', 'read the standard input from a file')
    .option('--expected <file>', 'compare the output with a file, and print the verdict')
    .option('--checker <flags>', 'for --expected: flags such as "case_sensitive float_tolerance 1e-6"')
    .option(
      '--file <[name=]path>',
      'put a file beside the program and into its working folder (repeatable)',
      filePair,
    )
    .option('--folder <folder>', 'show a folder read-only, with its modules, where it lies')
    .option(
      '--out <name[=path]>',
      'fetch an output file of the run to ./NAME or PATH (repeatable)',
      outputTarget,
    )
    .option('--deterministic', 'simulated clock and seeded randomness: the same run every time')
    .option('--seed <text>', 'for --deterministic: seed of all randomness (default: 0)')
    .option(
      '--epoch <seconds>',
      'for --deterministic: start of the simulated clock, seconds since 1970 (default: the year 2020)',
      wholeNumber('--epoch', 0, 253_402_300_799),
    )
    .option('--transcript <file>', 'for --deterministic: record every system call, for sandpiper replay')
    .addHelpText(
      'after',
      examples(
        ['sandpiper run hello.py', 'like pypy3 hello.py'],
        ["sandpiper run -c 'print(6 * 7)'", 'like pypy3 -c'],
        ['sandpiper run --folder . tool.py', 'with the modules beside it'],
        ['sandpiper run --stdin 1.in --time 1s --memory 64m solve.py', 'limits of CPU time and memory'],
        [
          'sandpiper run --stdin 1.in --expected 1.ans solve.py',
          'AC, or why not; exit code 1 for a wrong answer',
        ],
        ['sandpiper run --file data.csv=/tmp/x.csv tool.py --verbose', '--verbose goes to the program'],
        ['sandpiper run --json hello.py | jq .usage', 'resources used'],
        ['sandpiper run --server http://127.0.0.1:8080 chat.py', 'the same, on a service'],
      ) +
        '\nExit code: that of the program; 124 after a time limit, 137 after the memory limit, 125 after any other limit,\n130 after Ctrl-C, 2 when the command line is wrong.\n',
    )
    .action(async (first: string | undefined, rest: string[], options: RunOptions) => {
      const hasFile = options.c === undefined && options.m === undefined;
      const args = hasFile || first === undefined ? rest : [first, ...rest];
      onExitCode(await commands.run(hasFile ? (first ?? null) : null, args, options));
    });
}

function addInteract(program: Command, commands: Commands, onExitCode: (code: number) => void): void {
  withGuestOptions(program.command('interact'))
    .description('Open a prompt on a sandboxed interpreter.')
    .option('--tmp <folder>', 'show a folder of this host, read-only, as /tmp')
    .option('--raw', 'pass output to the terminal without escaping control characters')
    .addHelpText(
      'after',
      examples(
        ['sandpiper interact', 'like pypy3'],
        ['sandpiper interact --tmp ./data', 'with a read-only folder as /tmp'],
        ['sandpiper interact --lib ./modules', 'with your own modules to import'],
      ) +
        '\nCtrl-C interrupts a statement, Ctrl-D ends the session. A translated PyPy (rpython) cannot be\ninterrupted: Ctrl-C during a statement ends the session.\n',
    )
    .action(async (options: InteractOptions) => {
      onExitCode(await commands.interact(options));
    });
}

function addReplay(program: Command, commands: Commands, onExitCode: (code: number) => void): void {
  program
    .command('replay')
    .description('Repeat the run of a transcript and report the first difference.')
    .argument('<transcript>', 'a file written by run --deterministic --transcript')
    .addHelpText(
      'after',
      examples(
        ['sandpiper run --deterministic --transcript t.jsonl hello.py', 'record'],
        ['sandpiper replay t.jsonl', 'compare'],
      ) +
        '\nExit code: 0 when every call is the same, 1 when one differs, 2 when the file is not a transcript.\n',
    )
    .action(async (transcript: string) => {
      onExitCode(await commands.replay(transcript));
    });
}

/** What every command with a program takes. */
function withLimits(command: Command): Command {
  return withLimitOptions(command).option(
    '--env <key=value>',
    'set an environment variable (repeatable)',
    pair('--env', 'KEY=VALUE'),
  );
}

/** The options of every command that runs one guest on this host. */
function withGuestOptions(command: Command): Command {
  return runtimeOption(withLimits(command))
    .option('--engine <name>', `the engine: ${ENGINES.join(' or ')}`, engine)
    .option('--pypy <path>', 'for rpython: a PyPy translated with --sandbox')
    .option(
      '--lib <folder>',
      'modules to import, as pip install --target leaves them (repeatable); for rpython: its library',
      listed,
    )
    .option('--trace <file>', 'write one line per system call, like strace')
    .option('--cpu <n>', 'pin the run to this processor', wholeNumber('--cpu', 0, 4095));
}

function addUp(program: Command, commands: Commands, onExitCode: (code: number) => void): void {
  librariesOption(runtimeOption(program.command('up')))
    .description('Start the whole service on this host: its own Redis, the scheduler and worker nodes.')
    .option('--nodes <n>', 'worker nodes', wholeNumber('--nodes', 1, MAX_NODES))
    .option('--port <n>', 'port of the HTTP API; 0 takes a free one', wholeNumber('--port', 0, 65_535))
    .option('--host <address>', 'address to listen on (default: 127.0.0.1, this host only)')
    .option('--state-dir <folder>', 'folder that keeps runs and results across restarts')
    .option('--cold', 'start a new interpreter for every run instead of forking a parked one')
    .addOption(
      new Option(
        '--durability <sync>',
        'when Redis syncs to the disk: always, or everysec, where a power failure loses the last second',
      )
        .choices(['always', 'everysec'])
        .default('always'),
    )
    .addHelpText(
      'after',
      examples(
        ['sandpiper up', 'one node, until Ctrl-C'],
        ['sandpiper up --nodes 2 --port 8080', 'two nodes'],
        ['sandpiper up --state-dir ./state', 'keep the state in your own folder'],
      ),
    )
    .action(async (options: UpOptions) => {
      onExitCode(await commands.up(options));
    });
}

function addMap(program: Command, commands: Commands, onExitCode: (code: number) => void): void {
  librariesOption(runtimeOption(retryOption(withLimits(program.command('map')), 0)))
    .description('Run one program over many inputs, one per line; outputs keep their order.')
    .argument('<program>', 'a Python file')
    .argument('<inputs>', 'a file of lines, each the standard input of one run; "-" is the standard input')
    .option('--out <file>', 'write the outputs to a file instead of the standard output')
    .option('--resume', 'with --out: continue where the file ends')
    .option(
      '--from <n>',
      'skip the first N lines, which already have their output',
      wholeNumber('--from', 0, Number.MAX_SAFE_INTEGER),
    )
    .option(
      '--requests',
      'each line is a JSON object with fields of its run: stdin, args, env, files, limits',
    )
    .option('--full', 'write whole results: limits, usage, enforcement, node')
    .option('--file <[name=]path>', 'put a file beside the program (repeatable)', filePair)
    .option('--server <url>', 'use a running service instead of starting one', serverUrl)
    .option(
      '--nodes <n>',
      'worker nodes of the service that is started',
      wholeNumber('--nodes', 1, MAX_NODES),
    )
    .option(
      '--in-flight <n>',
      'batches of up to 200 lines in flight at once (default: 4)',
      wholeNumber('--in-flight', 1, 64),
    )
    .addHelpText(
      'after',
      examples(
        [
          'sandpiper map solve.py inputs.jsonl > outputs.jsonl',
          'each line is passed to the program unchanged',
        ],
        ['sandpiper map solve.py inputs.jsonl --out outputs.jsonl --resume', 'continue after Ctrl-C'],
        ['sandpiper map solve.py inputs.jsonl --from 312 >> outputs.jsonl', 'the same without --out'],
        ['sandpiper map tool.py --requests calls.jsonl', 'lines such as {"args": ["-v"], "stdin": "1 2"}'],
      ) +
        '\nEach output is one JSON object on one line: index, status, exitCode, stdout, stderr, usage.\nExit code: 0 when every run is ok, 1 when some are not, 130 for Ctrl-C, 2 when the command line or a line is wrong.\n',
    )
    .action(async (path: string, inputs: string, options: MapOptions) => {
      onExitCode(await commands.map(path, inputs, options));
    });
}

function addRuntimes(program: Command, onExitCode: (code: number) => void): void {
  const runtimes = program
    .command('runtimes')
    .description('List the interpreters that programs can run by, with their libraries.')
    .option('--json', 'print them as JSON')
    .addHelpText(
      'after',
      examples(
        ['sandpiper runtimes', 'exit code 1 when one of them is not right'],
        ['sandpiper runtimes check python3', 'try one, cold and forked'],
        ['sandpiper run --runtime python3 hello.py', 'run a program by it'],
      ),
    )
    .action(async (options: RuntimesOptions) => {
      const { runtimesCommand } = await import('./runtimes/command.js');
      onExitCode(await runtimesCommand(options));
    });
  runtimes
    .command('check')
    .description('Try a runtime: what programs see, what they cannot reach, and limits, cold and forked.')
    .argument('<name>', 'its name')
    .action(async (name: string) => {
      const { checkCommand } = await import('./runtimes/command.js');
      onExitCode(await checkCommand(name));
    });
}

function addDoctor(program: Command, commands: Commands, onExitCode: (code: number) => void): void {
  program
    .command('doctor')
    .description('Check this host and print the command that fixes each problem.')
    .option('--json', 'print the checks as JSON')
    .option('--pypy <path>', 'also try a PyPy translated with --sandbox')
    .option('--lib <folder>', 'the folder of its lib-python and lib_pypy')
    .addHelpText(
      'after',
      examples(
        ['sandpiper doctor', 'exit code 1 when a requirement is missing'],
        ['sandpiper doctor --pypy ./pypy3-c --lib ./pypy3', 'also check the engine rpython'],
      ),
    )
    .action(async (options: DoctorOptions) => {
      onExitCode(await commands.doctor(options));
    });
}
