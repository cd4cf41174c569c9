import { InputError, VERIFY_PARTS, type VerifyPart } from '@sandpiper/grading/basics';
import { quote } from '../options.js';

/** A parser for `--parts inputs,outputs`. */
export function verifyParts(text: string): VerifyPart[] {
  return text.split(',').map((word) => {
    const part = VERIFY_PARTS.find((one) => one === word.trim());
    if (part === undefined)
      throw new InputError(`--parts: ${quote(word)} is no part; the parts are ${VERIFY_PARTS.join(', ')}`);
    return part;
  });
}
