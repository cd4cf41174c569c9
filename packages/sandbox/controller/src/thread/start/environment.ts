/** The environment of a guest's program. */
export function environmentOf(
  folder: string,
  more: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  return { PATH: '/usr/bin:/bin', HOME: folder, LANG: 'C.UTF-8', ...more };
}

/** Variables that an interpreter and its C library obey before its program begins. */
const EARLY_VARIABLES =
  /^(PYTHON|PYPY|RPY_|LC_|LANG|LANGUAGE$|TZ|GLIBC_|MALLOC_|LD_|GCONV_PATH$|LOCPATH$|NLSPATH$|OUTPUT_CHARSET$)/;

export function hasEarlyVariable(env: Readonly<Record<string, string>>): boolean {
  return Object.keys(env).some((name) => EARLY_VARIABLES.test(name));
}

/**
 * Those that leave the start's duration unchanged, or make it only look for files: the first look at a file
 * of the run is noticed. Any other, such as PYPY_GC_NURSERY, may make the start itself long or large.
 */
const HARMLESS = new RegExp(
  `^(PYTHON(${[
    'HASHSEED|UNBUFFERED|DONTWRITEBYTECODE|UTF8|OPTIMIZE|IOENCODING|NOUSERSITE|SAFEPATH|COERCECLOCALE|CASEOK',
    'PATH|USERBASE|STARTUP|INSPECT|BREAKPOINT|FAULTHANDLER|ASYNCIODEBUG|PYCACHEPREFIX|WARNINGS',
  ].join('|')})|LC_[A-Z]+|LANG|LANGUAGE|TZ)$`,
);
/** Longer values are work by their length. Characters. */
const HARMLESS_LENGTH = 1024;

/** Whether variables of a run change an interpreter's start: then the start is charged to the run. */
export function changesStart(env: Readonly<Record<string, string>>): boolean {
  return Object.entries(env).some(([name, value]) => {
    if (!EARLY_VARIABLES.test(name)) return false;
    // A warning category with a dot is imported.
    if (name === 'PYTHONWARNINGS' && value.includes('.')) return true;
    return !HARMLESS.test(name) || value.length > HARMLESS_LENGTH;
  });
}
