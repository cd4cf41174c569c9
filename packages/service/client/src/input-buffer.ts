/** Bytes of input that the server has not confirmed yet: after a break they are sent again. */
export class InputBuffer {
  private readonly pieces: Buffer[] = [];
  /** Where the first piece stands in the input. */
  private start = 0;
  private length = 0;

  /** Where the next byte will stand. */
  get end(): number {
    return this.start + this.length;
  }

  /** Bytes that are held. */
  get held(): number {
    return this.length;
  }

  add(data: Uint8Array): void {
    if (data.length === 0) return;
    // A copy: streams use their buffers again.
    this.pieces.push(Buffer.from(data));
    this.length += data.length;
  }

  /** Bytes from there on, at most that many; not beyond the end of one piece. */
  at(position: number, most: number): Buffer {
    let begin = this.start;
    for (const piece of this.pieces) {
      const inside = position - begin;
      if (inside >= 0 && inside < piece.length) return piece.subarray(inside, inside + most);
      begin += piece.length;
    }
    return Buffer.alloc(0);
  }

  /** The server has that much already, of others or of an earlier connection: ours comes behind it. */
  beginAt(received: number): void {
    this.start = received;
  }

  /**
   * The server has everything before that. @returns false when it lacks some of what it had confirmed earlier
   */
  confirm(received: number): boolean {
    if (received < this.start) return false;
    if (received > this.end) {
      // Somebody else feeds the run too, and was first.
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
