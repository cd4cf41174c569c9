import type { Transport } from '../src/index.js';

/** One operation as fixtures/sandbox-2/README.md describes it. */
export interface RecordedOp {
  readonly op: 'Z' | 'R' | 'W' | 'M' | 'F' | 'E';
  readonly addr?: number;
  readonly max?: number;
  readonly n?: number;
  readonly data?: string;
  readonly errno?: number;
}

export interface RecordedCall {
  readonly call: string;
  readonly args: readonly number[];
  readonly ops: readonly RecordedOp[];
  readonly result: number;
}

/**
 * The guest's side of the wire, as bytes in memory: sends requests and answers each operation from a script.
 */
export class ScriptedGuest implements Transport {
  #toController = Buffer.alloc(0);
  #fromController = Buffer.alloc(0);
  /** Results received, as letter and 8 bytes. */
  readonly results: { letter: string; value: bigint }[] = [];
  readonly errnos: number[] = [];
  readonly written: Buffer[] = [];
  #answers: Buffer[] = [];

  send(call: RecordedCall): void {
    const name = Buffer.from(call.call, 'latin1');
    const args = Buffer.alloc(8 * call.args.length);
    call.args.forEach((arg, i) => void args.writeBigInt64LE(BigInt(arg), 8 * i));
    this.#answers = call.ops.flatMap((op) => {
      const data = Buffer.from(op.data ?? '', 'base64');
      const word = Buffer.alloc(8);
      if (op.op === 'R') return [data];
      if (op.op === 'M') return [(word.writeBigInt64LE(BigInt(op.addr ?? 0)), word)];
      if (op.op === 'Z') return [Buffer.concat([(word.writeBigInt64LE(BigInt(data.length)), word), data])];
      return [];
    });
    this.sendBytes(Buffer.concat([Buffer.from([name.length]), name, args]));
  }

  sendBytes(bytes: Buffer): void {
    this.#toController = Buffer.concat([this.#toController, bytes]);
  }

  read(into: Uint8Array, offset: number, length: number): number {
    const piece = this.#toController.subarray(0, length);
    into.set(piece, offset);
    this.#toController = this.#toController.subarray(piece.length);
    return piece.length;
  }

  write(bytes: Uint8Array): void {
    this.#fromController = Buffer.concat([this.#fromController, bytes]);
    while (this.#obeyOne());
  }

  #obeyOne(): boolean {
    const bytes = this.#fromController;
    if (bytes.length === 0) return false;
    const letter = String.fromCharCode(bytes[0] ?? 0);
    const word = (index: number) => bytes.readBigInt64LE(1 + 8 * index);
    const fixed: Record<string, number> = { R: 17, Z: 17, W: 17, M: 9, F: 9, E: 5, v: 1, i: 9, p: 9, f: 9 };
    let size = fixed[letter];
    if (size === undefined) throw new Error(`unknown operation ${letter}`);
    if (bytes.length < size) return false;
    if (letter === 'W') size += Number(word(1));
    if (letter === 'M') size += Number(word(0));
    if (bytes.length < size) return false;
    if (letter === 'W') this.written.push(Buffer.from(bytes.subarray(17, size)));
    if (letter === 'E') this.errnos.push(bytes.readInt32LE(1));
    if ('RZM'.includes(letter)) this.sendBytes(this.#answers.shift() ?? Buffer.alloc(0));
    if ('vipf'.includes(letter)) this.results.push({ letter, value: letter === 'v' ? 0n : word(0) });
    this.#fromController = bytes.subarray(size);
    return true;
  }
}
