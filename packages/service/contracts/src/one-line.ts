/** The longest `message` of a result, characters. */
export const MAX_MESSAGE_LENGTH = 500;

const CONTROL = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/gu;

/**
 * Turns untrusted text into one line of at most `max` characters: control characters become visible escapes.
 */
export function oneLine(text: string, max = MAX_MESSAGE_LENGTH): string {
  const line = text.slice(0, max).replace(CONTROL, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x100
      ? `\\x${code.toString(16).padStart(2, '0')}`
      : `\\u${code.toString(16).padStart(4, '0')}`;
  });
  return text.length <= max && line.length <= max ? line : `${line.slice(0, max - 3)}...`;
}
