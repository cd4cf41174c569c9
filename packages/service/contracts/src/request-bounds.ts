/** Bounds of a request, in bytes or counts; the schema and so the OpenAPI document contain them. */
export const REQUEST_BOUNDS = {
  sourceBytes: 8 * 1024 * 1024,
  stdinBytes: 64 * 1024 * 1024,
  files: 1000,
  /** Folders of the files; a folder counts once for each of its files. */
  folders: 16_384,
  args: 256,
  /**
   * Of one argument, or of a variable with its name and {@link VARIABLE_OVERHEAD}: MAX_ARG_STRLEN of
   * execve(2), less its NUL.
   */
  wordBytes: 128 * 1024 - 1,
  /**
   * Of all arguments and variables together, with {@link WORD_OVERHEAD} for each: half of what execve(2)
   * takes.
   */
  wordsBytes: 1024 * 1024,
  env: 256,
  outputs: 100,
  /** All names of outputs as JSON: the result repeats them. */
  outputNamesBytes: 64 * 1024,
} as const;
