import { type Compiler, HostCompiler, InputError } from '@sandpiper/grading';
import { quote } from './options.js';

/**
 * The compiler of this host, where --compile or SANDPIPER_COMPILE allows it.
 * @throws InputError when the variable has another value than 0 or 1
 */
export function allowedCompiler({ compile }: { readonly compile?: boolean }): Compiler | null {
  const set = process.env['SANDPIPER_COMPILE'] ?? '';
  if (!['', '0', '1'].includes(set))
    throw new InputError(`SANDPIPER_COMPILE must be 0 or 1, not ${quote(set)}`);
  return compile === true || set === '1' ? new HostCompiler() : null;
}
