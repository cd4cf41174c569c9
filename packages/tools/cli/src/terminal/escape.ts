/** What a terminal obeys, or shows in another order than it was written: controls, line breaks, bidi controls. */
export const UNSAFE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}\ufeff]/gu;

/**
 * Makes untrusted text safe for a terminal: control characters (escape sequences included) and characters
 * that reorder a line become visible escapes. Returns one line of at most `max` characters.
 */
export function escapeForTerminal(text: string, max = Number.POSITIVE_INFINITY): string {
  const bounded = text.length > max ? `${text.slice(0, Math.max(0, max - 3))}...` : text;
  return bounded.replace(UNSAFE, escapeCharacter);
}

/** Escapes one character. */
export function escapeCharacter(character: string): string {
  if (character === '\n') return '\\n';
  if (character === '\t') return '\\t';
  if (character === '\r') return '\\r';
  const code = character.charCodeAt(0);
  return code < 0x100
    ? `\\x${code.toString(16).padStart(2, '0')}`
    : `\\u${code.toString(16).padStart(4, '0')}`;
}
