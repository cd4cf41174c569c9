import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RUN_FOLDER, type RunResult } from '@sandpiper/contracts';
import {
  Cell,
  DEFAULT_PROFILE,
  type GuestJob,
  type Interpreter,
  type LiveStreams,
} from '@sandpiper/controller';
import { runtimeOfPath } from '@sandpiper/controller/runtimes';
import { type Census, takeCensus } from './census.js';

const TOP = fileURLToPath(new URL('../../../..', import.meta.url));
const GUEST_PATH = join(TOP, 'packages/sandbox/guest/native/build/translated-guest');

/** What is attacked: an engine, and how its guests start. */
export const SUBJECTS = [
  'seccomp cold',
  'seccomp forked',
  'seccomp without groups',
  'rpython cold',
  'rpython waiting',
  'real rpython',
] as const;
export type SubjectName = (typeof SUBJECTS)[number];

export type SubjectJob = Pick<GuestJob, 'id' | 'files' | 'args' | 'env' | 'stdin' | 'limits'>;

/** The environment names a PyPy 3 built with `--sandbox`, and its library, here. */
export function realTranslated(): Interpreter | null {
  const { PYPY3_SANDBOX: executable, PYPY3_SANDBOX_LIB: library } = process.env;
  return executable && library ? { engine: 'rpython', executable, library } : null;
}

/** One cell, with an interpreter that it is used for. */
export class Subject {
  #cell: Cell | null = null;

  constructor(
    readonly name: SubjectName,
    private readonly interpreter: Interpreter,
    private readonly profile: readonly string[] | null,
    private readonly number: number,
    /** Whether the keeper alone holds the memory limit. */
    private readonly withoutGroups: boolean,
  ) {}

  /** How results of runs say that they started here. */
  get startsAs(): RunResult['start'] {
    return this.profile === null ? 'cold' : this.interpreter.engine === 'rpython' ? 'waiting' : 'forked';
  }

  get cell(): Cell {
    if (this.#cell === null) throw new Error(`${this.name} is not started`);
    return this.#cell;
  }

  async start(): Promise<void> {
    this.#cell = await Cell.start({
      id: this.number,
      cpu: null,
      node: 'hostile',
      rpython: null,
      ...('runtime' in this.interpreter ? { runtimes: [this.interpreter.runtime] } : {}),
      profile: this.profile,
      ...(this.withoutGroups ? { groups: { kind: 'none', why: 'left out for this test' } } : {}),
    });
  }

  async stop(): Promise<void> {
    await this.#cell?.close();
    this.#cell = null;
  }

  /** `streams` answers where the source's input is `live`. */
  run(source: SubjectJob, streams: LiveStreams | null = null): Promise<RunResult> {
    const job: GuestJob = {
      attempt: 1,
      interpreter: this.interpreter,
      programPath: 'main.py',
      folder: RUN_FOLDER,
      mounts: [],
      output: 'capture',
      tracePath: null,
      deterministic: null,
      outputs: [],
      ...source,
    };
    return this.cell.runJob(job, streams);
  }
}

/**
 * Where the attacks happen: a folder of our own for everything temporary, a cell for each subject, secrets of
 * the host that no output may show, and the census from before.
 */
export class Ground {
  #census: Census | null = null;

  private constructor(
    /** All that is temporary lies here, the keepers' folders among it. */
    readonly folder: string,
    readonly subjects: ReadonlyMap<SubjectName, Subject>,
    /** Texts of the host that no guest may learn, and what they are. */
    readonly secrets: ReadonlyMap<string, string>,
    private readonly temporaryBefore: string | undefined,
    /** The host's kernel is gVisor's. */
    readonly isGvisor: boolean,
    /** The stock interpreter is not Debian's pypy3. */
    readonly isOtherRuntime: boolean,
  ) {}

  static async start(
    names: readonly SubjectName[] = SUBJECTS,
    isGvisor = false,
    runtime: string | null = null,
  ): Promise<Ground> {
    const temporaryBefore = process.env['TMPDIR'];
    const folder = mkdtempSync(join(tmpdir(), 'sandpiper-hostile-'));
    // The guests of root run as users of their own, who must be able to reach the library.
    chmodSync(folder, 0o755);
    process.env['TMPDIR'] = folder;
    const library = makeLibrary(folder);
    const stock: Interpreter =
      runtime === null
        ? { engine: 'seccomp' }
        : { engine: 'seccomp', runtime: { ...runtimeOfPath(runtime), env: {} } };
    const translated: Interpreter = { engine: 'rpython', executable: GUEST_PATH, library };
    const real = realTranslated();
    const all: Record<SubjectName, [Interpreter, readonly string[] | null] | null> = {
      'seccomp cold': [stock, null],
      'seccomp forked': [stock, DEFAULT_PROFILE],
      'seccomp without groups': [stock, null],
      'rpython cold': [translated, null],
      'rpython waiting': [translated, DEFAULT_PROFILE],
      'real rpython': real === null ? null : [real, null],
    };
    const subjects = new Map<SubjectName, Subject>();
    for (const name of names) {
      const made = all[name];
      if (made !== null)
        subjects.set(name, new Subject(name, made[0], made[1], subjects.size, name.endsWith('groups')));
    }
    const ground = new Ground(
      folder,
      subjects,
      plantSecrets(folder),
      temporaryBefore,
      isGvisor,
      runtime !== null,
    );
    for (const subject of subjects.values()) await subject.start();
    return ground;
  }

  /** Of when every cell had run something, and nothing hostile yet. */
  get census(): Census {
    this.#census ??= takeCensus(this.folder);
    return this.#census;
  }

  /** The next census is the one that later ones are held against. */
  forget(): void {
    this.#census = null;
  }

  async stop(): Promise<void> {
    for (const subject of this.subjects.values()) await subject.stop();
    delete process.env['SANDPIPER_HOSTILE_SECRET'];
    if (this.temporaryBefore === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = this.temporaryBefore;
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** What looks like the library of a PyPy. */
function makeLibrary(folder: string): string {
  if (!existsSync(GUEST_PATH)) throw new Error(`not built: ${GUEST_PATH}`);
  const library = join(folder, 'library');
  mkdirSync(join(library, 'lib-python/3'), { recursive: true });
  mkdirSync(join(library, 'lib_pypy'));
  writeFileSync(join(library, 'lib-python/3/os.py'), 'the library\n');
  return library;
}

function plantSecrets(folder: string): Map<string, string> {
  const secret = () => `secret-${randomBytes(12).toString('hex')}`;
  const [ofEnvironment, ofFile] = [secret(), secret()];
  process.env['SANDPIPER_HOSTILE_SECRET'] = ofEnvironment;
  writeFileSync(join(folder, 'secret.txt'), ofFile, { mode: 0o644 });
  const secrets: [string, string][] = [
    [ofEnvironment, 'a variable of the environment of the host'],
    [ofFile, 'a file of the host'],
    [folder, 'the folder of temporary files of the host'],
    [TOP, 'the folder of the programs of the host'],
    [hostname(), 'the name of the host'],
  ];
  // A name such as `box` says nothing.
  return new Map(secrets.filter(([text]) => text.length >= 6));
}
