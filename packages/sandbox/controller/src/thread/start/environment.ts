/** What a guest's program finds in its environment. */
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
 * Those of them that leave the start as long as it is, or make it look at files alone: of one that is the run's own, the
 * first look is noticed. Any other, such as PYPY_GC_NURSERY, may make the start itself long or large.
 */
const HARMLESS = new RegExp(
  `^(PYTHON(${[
    'HASHSEED|UNBUFFERED|DONTWRITEBYTECODE|UTF8|OPTIMIZE|IOENCODING|NOUSERSITE|SAFEPATH|COERCECLOCALE|CASEOK',
    'PATH|USERBASE|STARTUP|INSPECT|BREAKPOINT|FAULTHANDLER|ASYNCIODEBUG|PYCACHEPREFIX|WARNINGS',
  ].join('|')})|LC_[A-Z]+|LANG|LANGUAGE|TZ)$`,
);
/** Longer ones are work by their length. Characters. */
const HARMLESS_LENGTH = 1024;

/** Whether variables of a run make an interpreter's start another than it is without them: then it is the run's. */
export function changesStart(env: Readonly<Record<string, string>>): boolean {
  return Object.entries(env).some(([name, value]) => {
    if (!EARLY_VARIABLES.test(name)) return false;
    // A warning's category with a dot is imported.
    if (name === 'PYTHONWARNINGS' && value.includes('.')) return true;
    return !HARMLESS.test(name) || value.length > HARMLESS_LENGTH;
  });
}
