/** Input that the server has not confirmed yet: it is sent again after a break. */
export class InputBuffer {
  private readonly pieces: Buffer[] = [];
  /** Offset of the first piece in the input. */
  private start = 0;
  private length = 0;

  /** Offset of the next byte. */
  get end(): number {
    return this.start + this.length;
  }

  /** Bytes that are held. */
  get held(): number {
    return this.length;
  }

  add(data: Uint8Array): void {
    if (data.length === 0) return;
    // A copy, because streams reuse their buffers.
    this.pieces.push(Buffer.from(data));
    this.length += data.length;
  }

  /** Bytes from an offset, up to a maximum and the end of the piece. */
  at(position: number, most: number): Buffer {
    let begin = this.start;
    for (const piece of this.pieces) {
      const inside = position - begin;
      if (inside >= 0 && inside < piece.length) return piece.subarray(inside, inside + most);
      begin += piece.length;
    }
    return Buffer.alloc(0);
  }

  /**
   * The server already has this much input, from another feeder or an earlier connection: ours is appended.
   */
  beginAt(received: number): void {
    this.start = received;
  }

  /** The server confirms all bytes before an offset. @returns false when it has lost confirmed bytes */
  confirm(received: number): boolean {
    if (received < this.start) return false;
    if (received > this.end) {
      // Another feeder of the run was first.
      this.pieces.length = 0;
      this.start = received;
      this.length = 0;
      return true;
    }
    for (let first = this.pieces[0]; first !== undefined && this.start < received; first = this.pieces[0]) {
      const known = Math.min(received - this.start, first.length);
      if (known === first.length) this.pieces.shift();
      else this.pieces[0] = first.subarray(known);
      this.start += known;
      this.length -= known;
    }
    return true;
  }
}
