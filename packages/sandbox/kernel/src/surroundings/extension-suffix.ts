import type { AddedText } from '@sandpiper/vfs';

/**
 * Around `lib_pypy/_sysconfigdata.py` of a library of PyPy 2.7, which takes the first suffix of C extensions: an
 * interpreter translated with `--sandbox` has none, and would print "'import site' failed" before every program. Meanwhile
 * it has the one of its version, as `imp.get_suffixes` of an ordinary PyPy tells.
 */
export const EXTENSION_SUFFIX: AddedText = {
  before: String.raw`# Added by Sandpiper: a suffix of C extensions, which a sandboxed PyPy 2.7 has not.
import sys
if sys.version_info[0] == 2:
    import imp
    _suffixes = imp.get_suffixes
    if not [kind for _, _, kind in _suffixes() if kind == imp.C_EXTENSION]:
        imp.get_suffixes = lambda: [('.pypy-%d%d.so' % sys.pypy_version_info[:2], 'rb', imp.C_EXTENSION)] + _suffixes()
# End of what Sandpiper added.
`,
  after: String.raw`
# Added by Sandpiper.
if sys.version_info[0] == 2:
    imp.get_suffixes = _suffixes
`,
};
