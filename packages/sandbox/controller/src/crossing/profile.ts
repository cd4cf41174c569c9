/** Modules that the fork server imports by default: what programs of classes and contests use. */
export const DEFAULT_PROFILE: readonly string[] = [
  'abc bisect collections collections.abc copy dataclasses datetime enum fractions functools heapq io itertools json math',
  'operator os os.path random re statistics string struct sys textwrap threading time traceback types typing unittest',
].flatMap((line) => line.split(' '));
