/** What a guest's program finds in its environment. */
export function environmentOf(
  folder: string,
  more: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  return { PATH: '/usr/bin:/bin', HOME: folder, LANG: 'C.UTF-8', ...more };
}
