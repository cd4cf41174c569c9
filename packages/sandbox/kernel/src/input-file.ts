import { S_IF } from '@sandpiper/abi';
import { FileInode } from '@sandpiper/vfs';
import type { InputFile } from './types.js';

/** Standard input that is a file. Nothing is copied: all open descriptions read the same bytes. */
export class InputInode extends FileInode {
  constructor(
    ino: number,
    nowNs: bigint,
    private readonly input: InputFile,
  ) {
    super(ino, S_IF.REG | 0o444, nowNs, false);
    this.uid = this.gid = 0;
  }

  get size(): number {
    return this.input.size;
  }

  read(offset: number, length: number): Buffer {
    return this.input.readAt(offset, length);
  }
}
