import { parseDocument } from 'yaml';
import { firstLine, messageOf } from './errors.js';

/** Prevents a "billion laughs" attack with aliases of aliases. */
const MAX_ALIASES = 100;

/** A text is not YAML. The message is one line with the place. */
export class YamlError extends Error {
  override readonly name = 'YamlError';
}

/**
 * The value of a YAML text of one document. The caller bounds its length.
 * @param where names the file in errors; @throws YamlError
 */
export function parseYamlText(text: string, where: string): unknown {
  const document = parseDocument(text, { prettyErrors: true });
  const [error] = document.errors;
  if (error !== undefined) {
    const line = error.linePos?.[0].line;
    const place = line === undefined ? where : `${where}:${line}`;
    throw new YamlError(`${place}: not YAML: ${faultOf(error.message)}`);
  }
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (cause) {
    throw new YamlError(`${where}: ${faultOf(messageOf(cause))}`, { cause });
  }
}

/** A message of the parser without the excerpt that follows it. */
const faultOf = (message: string): string => firstLine(message).replace(/:$/, '');
