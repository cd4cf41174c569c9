/** What was thrown, as an error: anything can be thrown, and a rejection can carry anything. */
export const toError = (thrown: unknown): Error =>
  thrown instanceof Error ? thrown : new Error(String(thrown));

/** The message of an error, or the thrown value as text. */
export const messageOf = (thrown: unknown): string => toError(thrown).message;

/** The first line of a text. */
export const firstLine = (text: string): string => text.split('\n', 1)[0] ?? '';

/** The code of an error of Node or of the system, such as `ENOENT`; undefined where it has none. */
export function errorCode(thrown: unknown): string | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return undefined;
  return typeof thrown.code === 'string' ? thrown.code : undefined;
}
