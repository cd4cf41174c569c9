/**
 * Runs at the start of an interpreter. At a limit of time the shim calls the handler of this signal where the program has
 * none of SIGXCPU (packages/sandbox/guest/native/shim/signals.c): what the program has printed is written, and it ends.
 * The last signal, because no program looks at its handler; under SIGXCPU one would find it.
 */
export const LAST_WORDS = String.raw`
def last_words():
    import _signal
    import posix
    import sys

    def flush(number, frame):
        for stream in sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__:
            try:
                stream.flush()
            except BaseException:
                pass
        posix._exit(0)

    _signal.signal(64, flush)

last_words()
`;

/**
 * A module that site looks for at each start: it puts folders of modules behind all others. The error tells site that
 * there is none, so none is left behind.
 */
export function siteCustomize(libraries: readonly string[]): string {
  return `${LAST_WORDS}${onPath(libraries)}
raise ImportError("no sitecustomize", name="sitecustomize")
`;
}

/** Files named .pth in them are not obeyed: they hold code, and would cost time at each start. */
export function onPath(libraries: readonly string[]): string {
  if (libraries.length === 0) return '';
  const list = libraries.map((path) => JSON.stringify(path)).join(', ');
  return `\nimport sys\nsys.path.extend(path for path in [${list}] if path not in sys.path)\ndel sys\n`;
}
