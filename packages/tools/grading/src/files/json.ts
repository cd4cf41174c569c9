import { InputError } from './errors.js';

/**
 * @param file named in the error
 * @throws InputError for what is not JSON
 */
export function parseJson(text: string, file: string): unknown {
  try {
    const value: unknown = JSON.parse(text.replace(/^\uFEFF/, ''));
    return value;
  } catch (cause) {
    throw new InputError(`${file}: is not JSON`, { cause });
  }
}
