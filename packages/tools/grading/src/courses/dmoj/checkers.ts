import { z } from 'zod';
import { InputError } from '../../files/errors.js';
import { checkYaml } from '../../package/yaml.js';
import type { DmojCheck } from '../checks/dmoj-check.js';
import type { DmojSettings } from './init-yml.js';

const FLOATS = { precision: z.number().int().min(0).max(300).default(6) };

/** Checkers by name, each from its `args`. */
const CHECKERS: Readonly<Record<string, (args: unknown, where: string) => DmojCheck>> = {
  standard: (args, where) => ({
    ...checkYaml(z.strictObject({}), args, where),
    format: 'dmoj',
    name: 'standard',
  }),
  easy: (args, where) => ({ ...checkYaml(z.strictObject({}), args, where), format: 'dmoj', name: 'easy' }),
  identical: (args, where) => {
    checkYaml(z.strictObject({ pe_allowed: z.boolean().optional() }), args, where);
    return { format: 'dmoj', name: 'identical' };
  },
  linecount: (args, where) => {
    checkYaml(z.strictObject({ feedback: z.boolean().optional() }), args, where);
    return { format: 'dmoj', name: 'linecount' };
  },
  floats: (args, where) => {
    const modes = z.enum(['default', 'absolute', 'relative']).default('default');
    const given = checkYaml(z.strictObject({ ...FLOATS, error_mode: modes }), args, where);
    return floats(given.precision, given.error_mode);
  },
  floatsabs: (args, where) => floats(checkYaml(z.strictObject(FLOATS), args, where).precision, 'absolute'),
  floatsrel: (args, where) => floats(checkYaml(z.strictObject(FLOATS), args, where).precision, 'relative'),
  sorted: (args, where) => {
    const splitOn = z.enum(['lines', 'whitespace']).default('lines');
    const given = checkYaml(z.strictObject({ split_on: splitOn }), args, where);
    return { format: 'dmoj', name: 'sorted', splitOn: given.split_on };
  },
  unordered: (args, where) => {
    checkYaml(z.strictObject({}), args, where);
    return { format: 'dmoj', name: 'sorted', splitOn: 'whitespace' };
  },
  rstripped: (args, where) => {
    const given = checkYaml(z.strictObject({ filter_new_line: z.boolean().default(false) }), args, where);
    return { format: 'dmoj', name: 'rstripped', skipsEmptyLines: given.filter_new_line };
  },
  linematches: (args, where) => {
    const points = z.array(z.number().min(0)).min(1);
    const given = checkYaml(
      z.strictObject({
        point_distribution: points.default([1]),
        filler_lines_required: z.boolean().default(true),
      }),
      args,
      where,
    );
    if (given.point_distribution.every((one) => one === 0))
      throw new InputError(`${where}: point_distribution: must not be zero`);
    return {
      format: 'dmoj',
      name: 'linematches',
      distribution: given.point_distribution,
      needsAllLines: given.filler_lines_required,
    };
  },
};

function floats(precision: number, mode: 'default' | 'absolute' | 'relative'): DmojCheck {
  return { format: 'dmoj', name: 'floats', epsilon: Number(`1e-${precision}`), mode };
}

/**
 * The checker of a case; `standard` where none is named.
 * @throws InputError for a checker that is a program, and for arguments that it does not have
 */
export function checkerOf({ checker }: DmojSettings, where: string): DmojCheck {
  const name = typeof checker === 'string' ? checker : (checker?.name ?? 'standard');
  const make = Object.hasOwn(CHECKERS, name) ? CHECKERS[name] : undefined;
  if (make === undefined) {
    const isProgram = name.includes('.') || name === 'bridged';
    const what = isProgram ? 'checkers that are programs are not run here' : 'is not a checker of DMOJ';
    throw new InputError(`${where}: checker: ${JSON.stringify(name.slice(0, 80))}: ${what}`);
  }
  const args = typeof checker === 'object' ? checker.args : undefined;
  return make(args, `${where}: checker: ${name}: args`);
}
