/** What no program gets in the sandbox, as far as a result names it. */
export const REFUSED_KINDS = ['processes', 'threads', 'sockets'] as const;
export type RefusedKind = (typeof REFUSED_KINDS)[number];

const ATTEMPTS: Readonly<Record<RefusedKind, string>> = {
  processes: 'to start a process',
  threads: 'to start a thread',
  sockets: 'to use a socket',
};

/** One line that says what a program asked for in vain; null where it asked for nothing of the kind. */
export function refusalLine(refused: readonly RefusedKind[] | undefined): string | null {
  const attempts = REFUSED_KINDS.filter((kind) => refused?.includes(kind)).map((kind) => ATTEMPTS[kind]);
  return attempts.length === 0
    ? null
    : `the program tried ${attempts.join(' and ')}, which the sandbox refuses`;
}
