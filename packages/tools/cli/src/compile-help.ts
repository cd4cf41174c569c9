/** What `--compile` does, for help. */
export const COMPILE_HELP =
  'compile validators in C and C++ with the compiler of this host; trust the package as you would a Makefile';
