import { readFileSync } from 'node:fs';
import { CHECKOUT } from './helm.js';

/** One variable of docs/configuration.md, which is made from the schemas of the services. */
export interface Setting {
  readonly name: string;
  /** Bounds of a number; null for texts. */
  readonly bounds: { readonly min: number; readonly max: number } | null;
  /** The only values; empty where any will do. */
  readonly names: readonly string[];
}

const page = readFileSync(new URL('docs/configuration.md', CHECKOUT), 'utf8');

function settingsUnder(heading: string): Map<string, Setting> {
  const chapter = page.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
  const rows = [...chapter.matchAll(/^\| `(\w+)` \|[^|]*\|([^|]*)\|/gm)];
  return new Map(
    rows.map(([, name = '', values = '']) => {
      const bounds = /^ (\d+) to (\d+) $/.exec(values);
      return [
        name,
        {
          name,
          bounds: bounds === null ? null : { min: Number(bounds[1]), max: Number(bounds[2]) },
          names: [...values.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? ''),
        },
      ];
    }),
  );
}

/** By the name of the container that runs the service. */
export const SETTINGS: Readonly<Record<string, ReadonlyMap<string, Setting>>> = {
  scheduler: settingsUnder('Scheduler'),
  worker: settingsUnder('Node'),
};

const MIB = 1024 * 1024;
const memory = readFileSync(
  new URL('packages/sandbox/controller/src/main/share/memory.ts', CHECKOUT),
  'utf8',
);

function constantOf(name: string): number {
  const factor = new RegExp(`^(?:export )?const ${name} = (\\d+) \\* MIB;$`, 'm').exec(memory)?.[1];
  if (factor === undefined) throw new Error(`memory.ts of the controller has no ${name} in MiB`);
  return Number(factor) * MIB;
}

/** What a node keeps of its memory for itself, and for each cell beside its run, bytes. */
export const NODE_RESERVE = { node: constantOf('NODE_BYTES'), cell: constantOf('CELL_BYTES') } as const;
