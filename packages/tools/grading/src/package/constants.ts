import { z } from 'zod';

const scalar = z.union([z.string(), z.number()]);

/** `constants` of problem.yaml: a value, or a map of a value and its other representations. */
export const constantsSchema = z.record(
  z.string().regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/, 'is not the name of a constant'),
  z.union([scalar, z.record(z.string(), scalar).refine((map) => 'value' in map, 'needs a value')]),
);

export type Constants = ReadonlyMap<string, string>;

/** From `name` and `name.variant` to the text that replaces `{{name}}` and `{{name.variant}}`. */
export function constantsOf(given: z.infer<typeof constantsSchema>): Constants {
  const texts = new Map<string, string>();
  for (const [name, value] of Object.entries(given)) {
    const variants = typeof value === 'object' ? value : { value };
    for (const [variant, text] of Object.entries(variants)) texts.set(`${name}.${variant}`, String(text));
    texts.set(name, String(variants['value'] ?? ''));
  }
  return texts;
}

/** Replaces the constants in a text of the package; unknown ones stay as they are. */
export function withConstants(text: string, constants: Constants): string {
  if (constants.size === 0) return text;
  return text.replace(
    /\{\{([a-zA-Z_]\w*(?:\.\w+)?)\}\}/g,
    (whole, name: string) => constants.get(name) ?? whole,
  );
}

/** The same for a file, which need not be UTF-8. */
export function bytesWithConstants(bytes: Buffer, constants: Constants): Buffer {
  if (constants.size === 0 || !bytes.includes('{{')) return bytes;
  // Latin-1 keeps every byte as it is; what is put in is UTF-8.
  const replaced = bytes
    .toString('latin1')
    .replace(/\{\{([a-zA-Z_]\w*(?:\.\w+)?)\}\}/g, (whole, name: string) => {
      const text = constants.get(name);
      return text === undefined ? whole : Buffer.from(text, 'utf8').toString('latin1');
    });
  return Buffer.from(replaced, 'latin1');
}
