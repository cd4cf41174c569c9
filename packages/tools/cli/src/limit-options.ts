import {
  LIMIT_NAMES,
  LIMITS,
  type LimitName,
  type LimitRow,
  type Limits,
  stackExceedsMemory,
} from '@sandpiper/contracts';
import { InputError } from '@sandpiper/grading/basics';
import { type Command, Option } from 'commander';
import { quote, wholeNumber } from './options.js';

/** The options that set limits: one for each row of the table, and the five that existed before it. */

const KIB = 1024;
const MIB = 1024 * KIB;

/** Numbers with a unit, as `1.5g` or `2s`. */
interface Quantity {
  readonly noun: string;
  readonly example: string;
  /** Names in lower case, and how many bytes or milliseconds each is. */
  readonly units: ReadonlyMap<string, number>;
}

const SIZE: Quantity = {
  noun: 'size',
  example: '512m or 1.5g',
  units: new Map(
    Object.entries({ b: 1, k: KIB, m: MIB, g: KIB * MIB }).flatMap(([unit, bytes]) =>
      [unit, ...(unit === 'b' ? [] : [`${unit}b`, `${unit}ib`])].map((name) => [name, bytes] as const),
    ),
  ),
};

const TIME: Quantity = {
  noun: 'time',
  example: '1500ms or 2s',
  units: new Map([
    ['ms', 1],
    ['s', 1000],
    ['min', 60_000],
    ['h', 3_600_000],
  ]),
};

function quantityOf(limit: LimitName): Quantity | null {
  if (limit.endsWith('Bytes')) return SIZE;
  return limit.endsWith('Ms') ? TIME : null;
}

/** The amount that a text states, rounded down; null where it states none. */
function amountOf(text: string, { units }: Quantity): number | null {
  const [, whole, fraction = '', unit = ''] = /^(\d{1,15})(\.\d{1,9})?([a-z]*)$/i.exec(text) ?? [];
  const factor = units.get(unit.toLowerCase());
  if (whole === undefined || (unit === '' ? fraction !== '' : factor === undefined)) return null;
  return Math.floor(Number(whole + fraction) * (factor ?? 1));
}

/** An amount in the largest unit that it is a whole number of: `256m`, `10s`. */
function shownAs(amount: number, { units }: Quantity): string {
  let shortest: readonly [string, number] | null = null;
  for (const unit of units) {
    if (amount % unit[1] === 0 && (shortest === null || unit[1] > shortest[1])) shortest = unit;
  }
  return shortest === null ? String(amount) : `${amount / shortest[1]}${shortest[0]}`;
}

function amountParser(flag: string, { min, max }: LimitRow, quantity: Quantity): (text: string) => number {
  return (text) => {
    const amount = amountOf(text, quantity);
    if (amount !== null && amount >= min && amount <= max) return amount;
    const range = `from ${shownAs(min, quantity)} to ${shownAs(max, quantity)}`;
    throw new InputError(
      `${flag} needs a ${quantity.noun} ${range}, such as ${quantity.example}, not ${quote(text)}`,
    );
  };
}

/** A parser of a time or a size for an option that is named otherwise than the limit that it sets. */
export function limitParser(flag: string, limit: 'cpuMs' | 'memoryBytes'): (text: string) => number {
  return amountParser(flag, LIMITS[limit], limit === 'cpuMs' ? TIME : SIZE);
}

/** `--cpu` pins a run to a processor. */
const FLAGS: Readonly<Partial<Record<LimitName, string>>> = { cpuMs: '--time' };

/** `memoryBytes` is `--memory`, `openFiles` is `--open-files`. */
function flagOf(limit: LimitName): string {
  const words = limit.replace(/(Ms|Bytes)$/, '').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return FLAGS[limit] ?? `--${words}`;
}

/** All of these options write into one object, by the names of the limits. */
class LimitOption extends Option {
  constructor(limit: LimitName) {
    const row: LimitRow = LIMITS[limit];
    const flag = flagOf(limit);
    const quantity = quantityOf(limit);
    const value = quantity === null ? '<n>' : `<${quantity.noun}>`;
    super(`${flag} ${value}`, `limit: ${descriptionOf(row, quantity)}`);
    const parse = quantity === null ? wholeNumber(flag, row.min, row.max) : amountParser(flag, row, quantity);
    this.argParser((text: string, before: Partial<Limits> | undefined) => ({
      ...before,
      [limit]: parse(text),
    }));
  }

  override attributeName(): string {
    return 'limits';
  }
}

function descriptionOf({ description, default: usual }: LimitRow, quantity: Quantity | null): string {
  const what = description.replace(/, (milliseconds|bytes)(?=$|;)/, '');
  if (what.includes('by default')) return what;
  return `${what} (default: ${quantity === null ? usual : shownAs(usual, quantity)})`;
}

/** The options of earlier versions: a whole number in the unit that they name, or a number with a unit of its own. */
const EARLIER = [
  { flag: '--cpu-ms', attribute: 'cpuMs', limit: 'cpuMs', unit: 1 },
  { flag: '--wall-ms', attribute: 'wallMs', limit: 'wallMs', unit: 1 },
  { flag: '--memory-mb', attribute: 'memoryMb', limit: 'memoryBytes', unit: MIB },
  { flag: '--output-mb', attribute: 'outputMb', limit: 'outputBytes', unit: MIB },
  { flag: '--disk-mb', attribute: 'diskMb', limit: 'diskBytes', unit: MIB },
] as const satisfies readonly { flag: string; attribute: string; limit: LimitName; unit: number }[];

type EarlierOption = (typeof EARLIER)[number];

/** What the options of limits become. */
export type LimitOptions = { [name in EarlierOption['attribute']]?: number } & { limits?: Partial<Limits> };

function earlierParser({ flag, limit, unit }: EarlierOption): (text: string) => number {
  const { min, max } = LIMITS[limit];
  const plain = wholeNumber(flag, Math.ceil(min / unit), max / unit);
  const quantity = unit === 1 ? TIME : SIZE;
  const withUnit = amountParser(flag, LIMITS[limit], quantity);
  return (text) =>
    /[a-z]$/i.test(text) && amountOf(text, quantity) !== null ? withUnit(text) / unit : plain(text);
}

/** For the end of a help text. */
const HELP_ON_LIMITS =
  '\nA size is a number with b, k, m or g (1024 each), a time one with ms, s, min or h; without a unit bytes and\n' +
  'milliseconds. --cpu-ms, --wall-ms, --memory-mb, --output-mb and --disk-mb set the same limits.\n';

/** Adds the options of limits to a command. */
export function withLimitOptions(command: Command): Command {
  for (const limit of LIMIT_NAMES) command.addOption(new LimitOption(limit));
  for (const option of EARLIER) {
    command.addOption(new Option(`${option.flag} <n>`).argParser(earlierParser(option)).hideHelp());
  }
  return command.addHelpText('after', HELP_ON_LIMITS);
}

/** The limits that the options set. @throws InputError where two of them set the same one, or contradict each other */
export function limitsOf(options: LimitOptions): Partial<Limits> {
  const limits: Partial<Limits> = { ...options.limits };
  for (const { attribute, limit, unit, flag } of EARLIER) {
    const given = options[attribute];
    if (given === undefined) continue;
    if (limits[limit] !== undefined) {
      throw new InputError(`${flagOf(limit)} and ${flag} set the same limit; give one of them`);
    }
    limits[limit] = given * unit;
  }
  assertStackFits(limits);
  return limits;
}

function assertStackFits(limits: Partial<Limits>): void {
  if (!stackExceedsMemory(limits)) return;
  const { stackBytes = 0, memoryBytes = LIMITS.memoryBytes.default } = limits;
  const [stack, memory] = [stackBytes, memoryBytes].map((bytes) => shownAs(bytes, SIZE));
  throw new InputError(
    `--stack ${stack} is more than the memory limit of ${memory}; the stack is a part of the memory, so give --memory too`,
  );
}
