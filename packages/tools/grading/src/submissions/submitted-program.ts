/** One file of a program; its bytes are Python's to decode, since a coding line may name any encoding. */
export interface ProgramFile {
  readonly name: string;
  readonly bytes: Buffer;
}

/** What runs: files, and which of them starts. */
export interface SubmittedProgram {
  readonly entry: string;
  readonly files: readonly ProgramFile[];
}
