import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { firstLine, messageOf } from '@sandpiper/contracts';
import { requirement, type Observation } from './observation.js';
import { pageOf } from './page.js';
import type { Scenario } from './stage.js';

/** A command that plays scenarios. */
export interface ScenarioCommand {
  /** The command's name, e.g. `test-faults`. */
  readonly name: string;
  /** What it does, in lines for its help text. */
  readonly about: string;
  readonly scenarios: readonly Scenario[];
  /** The page of Markdown that it writes. */
  readonly page: { readonly file: string; readonly title: string; readonly about: string };
}

const helpOf = ({
  name,
  about,
  scenarios,
  page,
}: ScenarioCommand): string => `Usage: scripts/${name} [OPTION]... [SCENARIO]...

${about} Without SCENARIO all of them are played, one after the other.

${scenarios.map((scenario) => `  ${scenario.name.padEnd(18)} ${scenario.title}`).join('\n')}

  --quick      a few minutes in all: fewer runs and kills, no benchmarks unless they are named
  --keep       keep the folder with the logs of a scenario that failed
  --page FILE  also write a page of Markdown, such as ${page.file}
  -h, --help   print this

Exit code: 0 when every demand is met, 1 when one is not, 2 bad usage.
`;

interface Options {
  readonly quick: boolean;
  readonly keep: boolean;
  readonly page: string | null;
  readonly scenarios: readonly Scenario[];
}

/** Null when help is asked for. */
function parse(
  all: readonly Scenario[],
  args: readonly string[],
): Options | { readonly complaint: string } | null {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        quick: { type: 'boolean' },
        keep: { type: 'boolean' },
        page: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help === true) return null;
    const unknown = positionals.find((name) => !all.some((scenario) => scenario.name === name));
    if (unknown !== undefined) return { complaint: `no scenario is named ${JSON.stringify(unknown)}` };
    const quick = values.quick === true;
    const usual = all.filter(({ benchmark }) => !(quick && benchmark === true));
    const named = all.filter(({ name }) => positionals.includes(name));
    const scenarios = positionals.length === 0 ? usual : named;
    return { quick, keep: values.keep === true, page: values.page ?? null, scenarios };
  } catch (error) {
    return { complaint: firstLine(messageOf(error)) };
  }
}

async function playAll({ scenarios, quick, keep }: Options): Promise<Map<Scenario, Observation[]>> {
  const played = new Map<Scenario, Observation[]>();
  for (const scenario of scenarios) {
    const begun = performance.now();
    const say = (line: string): void => {
      const seconds = Math.round((performance.now() - begun) / 1000);
      process.stdout.write(`   ${scenario.name} ${String(seconds).padStart(4)} s  ${line}\n`);
    };
    process.stdout.write(`== ${scenario.name}: ${scenario.title}\n`);
    const findings = await scenario.play({ say, keep }, quick).catch((error: unknown) => {
      return [requirement('the scenario completes', messageOf(error), 'completes', false)];
    });
    for (const finding of findings) print(finding);
    played.set(scenario, findings);
  }
  return played;
}

function print({ what, measured, required, met }: Observation): void {
  const mark = met === null ? '      ' : met ? 'ok    ' : 'FAILED';
  process.stdout.write(`${mark} ${what}: ${measured}${met === null ? '' : ` (required: ${required})`}\n`);
}

/** Parses the arguments of the process, plays, prints and exits. */
export async function playProgram(program: ScenarioCommand): Promise<void> {
  // Clusters clean up the rest when the process exits.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  const options = parse(program.scenarios, process.argv.slice(2));
  if (options === null) {
    process.stdout.write(helpOf(program));
    return;
  }
  if ('complaint' in options) {
    process.stderr.write(`${program.name}: ${options.complaint} (see --help)\n`);
    process.exitCode = 2;
    return;
  }
  const played = await playAll(options);
  const findings = [...played.values()].flat();
  const failed = findings.filter(({ met }) => met === false).length;
  const required = findings.filter(({ met }) => met !== null).length;
  process.stdout.write(`${required - failed} of ${required} requirements met in ${played.size} scenarios\n`);
  if (options.page !== null) {
    const command = `scripts/${program.name}${options.quick ? ' --quick' : ''} --page ${program.page.file}`;
    writeFileSync(options.page, pageOf({ ...program.page, command }, played));
  }
  process.exit(failed === 0 ? 0 : 1);
}
