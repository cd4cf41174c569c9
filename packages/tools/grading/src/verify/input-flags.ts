import { basename } from 'node:path';
import { z } from 'zod';
import type { GivenInputFlags } from '../data/test-case.js';
import { InputError } from '../files/errors.js';
import { wordsOf } from '../package/problem-yaml.js';

const words = z.array(z.union([z.string(), z.number().transform(String)]));
const listed = z.string().transform(wordsOf);

/**
 * Flags for every input validator; flags for the one that is named, as the earlier format has them; or flags by the name
 * of the validator.
 */
const flagsSchema = z.union([
  words,
  listed,
  z
    .strictObject({ name: z.string(), flags: listed.optional() })
    .transform(({ name, flags }) => new Map([[name, flags ?? []]])),
  z.record(z.string(), z.union([words, listed])).transform((given) => new Map(Object.entries(given))),
]);

/**
 * The flags of one input validator for a test.
 * @param validator its file or folder
 * @throws InputError that names the file which gives them
 */
export function inputFlagsFor(given: GivenInputFlags | undefined, validator: string): readonly string[] {
  if (given === undefined) return [];
  const parsed = flagsSchema.safeParse(given.value);
  if (!parsed.success) {
    throw new InputError(
      `${given.from}: flags of input validators must be a list of texts, or a map from names of validators to them`,
    );
  }
  if (Array.isArray(parsed.data)) return parsed.data;
  const name = basename(validator);
  return parsed.data.get(name) ?? parsed.data.get(name.replace(/\.[^.]*$/, '')) ?? [];
}
