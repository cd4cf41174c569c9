import { parseYamlText, YamlError } from '@sandpiper/contracts/yaml';
import { z } from 'zod';
import { readBounded } from '../files/bounded.js';
import { InputError } from '../files/errors.js';

/** The largest settings of real packages have a few kilobytes. */
const MAX_YAML_BYTES = 1024 * 1024;
/** A mapping within a mapping, and so on: settings have three levels. */
const MAX_DEPTH = 32;

/** @param edit what is done to the text before it is parsed, such as the replacement of constants */
export async function readYaml(
  file: string,
  edit: (text: string) => string = (text) => text,
): Promise<unknown> {
  const bytes = await readBounded(file, MAX_YAML_BYTES);
  return parseYaml(edit(bytes.toString('utf8').replace(/^\uFEFF/, '')), file);
}

/**
 * Parses YAML of a package; a key without a value is left out, as if it were not there.
 * @param where names the file in errors
 * @throws InputError one line with the place
 */
export function parseYaml(text: string, where: string): unknown {
  if (text.length > MAX_YAML_BYTES) throw new InputError(`${where}: is too large`);
  try {
    return withoutNulls(parseYamlText(text, where), 0, where);
  } catch (cause) {
    if (cause instanceof YamlError) throw new InputError(cause.message, { cause });
    throw cause;
  }
}

function withoutNulls(value: unknown, depth: number, where: string): unknown {
  if (depth > MAX_DEPTH) throw new InputError(`${where}: is nested more than ${MAX_DEPTH} deep`);
  if (value instanceof Date || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => withoutNulls(item, depth + 1, where));
  const kept = Object.entries(value).filter(([, held]) => held !== null);
  return Object.fromEntries(kept.map(([key, held]) => [key, withoutNulls(held, depth + 1, where)]));
}

/** YAML 1.1, which the reference tools read, has more words for true and false than YAML 1.2. */
const EARLIER_BOOLEANS: Readonly<Record<string, boolean>> = {
  yes: true,
  on: true,
  no: false,
  off: false,
};

export const yamlBoolean = z.preprocess(
  (value) => (typeof value === 'string' ? (EARLIER_BOOLEANS[value.toLowerCase()] ?? value) : value),
  z.boolean({ error: 'must be true or false' }),
);

/**
 * Checks parsed YAML by a schema. A file without anything in it is an empty mapping.
 * @throws InputError one line with the path of the wrong field
 */
export function checkYaml<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  where: string,
): z.infer<Schema> {
  const parsed = schema.safeParse(value ?? {});
  if (!parsed.success) throw new InputError(`${where}: ${describeIssue(parsed.error)}`);
  return parsed.data;
}

function describeIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  if (issue === undefined) return 'is wrong';
  if (issue.code === 'unrecognized_keys') {
    return `${[...issue.path, issue.keys[0] ?? '?'].join('.')}: unknown field`;
  }
  const path = issue.path.join('.');
  return path === '' ? 'must be a mapping of settings' : `${path}: ${issue.message}`;
}
