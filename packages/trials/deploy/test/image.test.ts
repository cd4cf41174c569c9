import { existsSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { CHECKOUT } from '../src/helm.js';

const pathOf = (file: string): string => fileURLToPath(new URL(file, CHECKOUT));
const read = (file: string): string => readFileSync(pathOf(file), 'utf8');

interface Instruction {
  readonly word: string;
  readonly rest: string;
}

interface BuildStage {
  readonly from: string;
  readonly name: string;
  readonly instructions: readonly Instruction[];
}

/** Instructions by stage, without comments and with continued lines joined. */
function stagesOf(dockerfile: string): BuildStage[] {
  const lines = dockerfile
    .replace(/^#.*\n/gm, '')
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter((line) => line.trim() !== '');
  const stages: { from: string; name: string; instructions: Instruction[] }[] = [];
  for (const line of lines) {
    const [, word = '', rest = ''] = /^(\w+)\s+(.*)$/.exec(line) ?? [];
    if (word === 'FROM') {
      const [from = '', , name = ''] = rest.split(/\s+/);
      stages.push({ from, name, instructions: [] });
    } else stages.at(-1)?.instructions.push({ word, rest });
  }
  return stages;
}

const STAGES = stagesOf(read('deploy/Dockerfile'));
const last = STAGES.at(-1);
const of = (stage: BuildStage | undefined, word: string): string[] =>
  (stage?.instructions ?? []).filter((one) => one.word === word).map(({ rest }) => rest);

describe('deploy/Dockerfile', () => {
  it('copies what exists, and from stages before', () => {
    const names: string[] = [];
    const wrong: string[] = [];
    for (const stage of STAGES) {
      for (const rest of of(stage, 'COPY')) {
        const [, from] = /--from=(\S+)/.exec(rest) ?? [];
        const sources = rest.split(/\s+/).filter((word) => !word.startsWith('--'));
        if (from !== undefined && !names.includes(from)) wrong.push(`${rest}: no stage ${from} before it`);
        if (from !== undefined) continue;
        wrong.push(...sources.slice(0, -1).filter((source) => !existsSync(pathOf(source))));
      }
      names.push(stage.name);
    }
    expect(wrong).toEqual([]);
  });

  it('has the stages that scripts build', () => {
    const targets = [...read('scripts/lib/host-container.sh').matchAll(/--target (\w+)/g)].map(
      ([, target]) => target,
    );
    expect(targets).toEqual(['suite']);
    expect(STAGES.map(({ name }) => name)).toEqual(expect.arrayContaining(targets));
  });

  it('runs as a user by number, whom Kubernetes can tell from root', () => {
    expect(of(last, 'USER')).toEqual(['1000:1000']);
    expect(read('deploy/image/passwd')).toMatch(/^sandpiper:x:1000:1000:/m);
  });

  it('ends in an image of nothing but a root that was assembled, and runs no command in it', () => {
    expect(last?.from).toBe('scratch');
    expect(of(last, 'COPY')).toEqual(['--from=root /image /']);
    expect(of(last, 'RUN')).toEqual([]);
  });

  it('names the version of the package, and has the labels that registries show', () => {
    const { version } = JSON.parse(read('package.json')) as { version: string };
    const versions = STAGES.flatMap((stage) => of(stage, 'ARG')).filter((rest) => rest.startsWith('VERSION'));
    expect(new Set(versions)).toEqual(new Set([`VERSION=${version}`]));
    const labels = [
      ...of(last, 'LABEL')
        .join(' ')
        .matchAll(/org\.opencontainers\.image\.(\w+)=/g),
    ];
    expect(labels.map(([, name]) => name).sort()).toEqual([
      'description',
      'licenses',
      'revision',
      'source',
      'title',
      'version',
    ]);
  });

  it('starts programs that the image has', () => {
    const [command = ''] = of(last, 'CMD');
    const [program, file = ''] = JSON.parse(command) as string[];
    expect(program).toBe('node');
    expect(existsSync(pathOf(file.replace('/dist/', '/src/').replace('.js', '.ts')))).toBe(true);
    const launcher = read('deploy/image/sandpiper');
    const [, main = ''] = /import\('\/sandpiper\/(.*)'\)/.exec(launcher) ?? [];
    expect(existsSync(pathOf(main.replace('/dist/', '/src/').replace('.js', '.ts')))).toBe(true);
    for (const name of ['make-root', 'prune', 'settle', 'sandpiper']) {
      expect(statSync(pathOf(`deploy/image/${name}`)).mode & 0o111).toBe(0o111);
    }
  });
});
