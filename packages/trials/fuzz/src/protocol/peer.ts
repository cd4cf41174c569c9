import { type Dialect, GuestGoneError, type Transport } from '@sandpiper/protocol';
import { Finding } from '../finding.js';
import type { Source } from '../source.js';

/** Bytes that a controller may send in one life before the guest gives up. */
const MAX_SENT = 256 * 1024 * 1024;
const FIXED: Readonly<Record<string, number>> = {
  R: 17,
  Z: 17,
  W: 17,
  M: 9,
  F: 9,
  E: 5,
  S: 57,
  G: 25,
  H: 17,
  P: 1,
  v: 1,
  i: 9,
  p: 9,
  f: 9,
};
const RESULTS = 'vipf';

/**
 * The guest's side of the wire: parses the controller's operations and answers them, truthfully or not. The
 * controller must send only operations and one result per request; anything else is a finding.
 */
export class HostilePeer implements Transport {
  #outgoing: Buffer = Buffer.alloc(0);
  /** Of an incomplete operation: its data may be long, and is only counted. */
  #header: Buffer = Buffer.alloc(0);
  #dataLeft = 0;
  #sent = 0;
  #owesResult = false;
  #gone = false;
  /** Whether it has lied, so that nothing afterwards can be blamed on the controller. */
  lied = false;
  /** The last answers, to check that they arrive. */
  answered: Buffer = Buffer.alloc(0);

  constructor(
    private readonly source: Source,
    private readonly dialect: Dialect,
  ) {}

  /** A request, or something like one. */
  request(bytes: Buffer): void {
    this.#owesResult = true;
    this.#say(bytes);
  }

  get owesResult(): boolean {
    return this.#owesResult;
  }

  leave(): void {
    this.#gone = true;
  }

  read(into: Uint8Array, offset: number, length: number): number {
    if (length <= 0 || offset < 0 || offset + length > into.length)
      throw new Finding(`a read of ${length} bytes at ${offset} of ${into.length}`);
    if (this.#outgoing.length === 0) return 0; // it would wait until the guest is killed
    const whole = Math.min(length, this.#outgoing.length);
    const count = this.source.chance(40) ? 1 + this.source.below(whole > 256 ? 256 : whole) : whole;
    into.set(this.#outgoing.subarray(0, count), offset);
    this.#outgoing = this.#outgoing.subarray(count);
    return count;
  }

  write(bytes: Uint8Array): void {
    if (this.#gone) throw new GuestGoneError();
    this.#sent += bytes.length;
    if (this.#sent > MAX_SENT) throw new Finding('the controller sends without end');
    let at = 0;
    while (at < bytes.length) {
      if (this.#dataLeft > 0) {
        const n = Math.min(this.#dataLeft, bytes.length - at);
        this.#dataLeft -= n;
        at += n;
        if (this.#dataLeft === 0) this.#answer();
        continue;
      }
      this.#header = Buffer.concat([this.#header, bytes.subarray(at, at + 1)]);
      at++;
      this.#maybeWhole();
    }
  }

  #maybeWhole(): void {
    const letter = String.fromCharCode(this.#header[0] ?? 0);
    const size = FIXED[letter];
    if (size === undefined || (this.dialect === 'libc' && 'SPGH'.includes(letter)))
      throw new Finding(`an operation ${JSON.stringify(letter)} that no guest knows`);
    if (this.#header.length < size) return;
    if (letter === 'W' || letter === 'M' || letter === 'H') {
      this.#dataLeft = Number(this.#header.readBigUInt64LE(letter === 'M' ? 1 : 9));
      if (this.#dataLeft > MAX_SENT) throw new Finding(`${this.#dataLeft} bytes were announced`);
      if (this.#dataLeft > 0) return;
    }
    this.#answer();
  }

  #answer(): void {
    const header = this.#header;
    this.#header = Buffer.alloc(0);
    const letter = String.fromCharCode(header[0] ?? 0);
    if (RESULTS.includes(letter) || letter === 'P') {
      if (!this.#owesResult) throw new Finding('a result without a request');
      this.#owesResult = false;
      return;
    }
    const answer = this.#truth(letter, header);
    if (answer === null) return;
    this.answered = answer;
    this.#say(this.source.chance(40) ? this.#lie(answer) : answer);
  }

  /** null where nothing is answered. */
  #truth(letter: string, header: Buffer): Buffer | null {
    const word = Buffer.alloc(8);
    if (letter === 'M' || letter === 'S') {
      word.writeBigInt64LE(BigInt(0x10000 + this.source.number(5)));
      return word;
    }
    if (letter === 'R') {
      const size = Number(header.readBigUInt64LE(9));
      // No memory is as large as a request may be: a guest with less ends.
      if (size > 2 ** 20) return this.#goes();
      const data = Buffer.alloc(size, this.source.byte());
      return this.dialect === 'linux' ? Buffer.concat([data, word]) : data;
    }
    if (letter !== 'Z') return null;
    const max = Number(header.readBigUInt64LE(9));
    const text = Buffer.alloc(Math.min(max, this.source.number(2)), 0x61);
    word.writeBigInt64LE(BigInt(text.length));
    return Buffer.concat([word, text]);
  }

  #goes(): null {
    this.leave();
    return null;
  }

  #lie(answer: Buffer): Buffer {
    this.lied = true;
    const word = Buffer.alloc(8);
    word.writeBigInt64LE(BigInt.asIntN(64, BigInt(Math.trunc(this.source.hostile()))));
    switch (this.source.below(6)) {
      case 0:
        return answer.subarray(0, this.source.below(answer.length + 1));
      case 1:
        return Buffer.concat([answer, this.source.take(1 + this.source.below(20))]);
      case 2:
        return Buffer.concat([word, answer.subarray(8)]);
      case 3:
        return Buffer.concat([answer.subarray(0, Math.max(0, answer.length - 8)), word]);
      case 4:
        return word;
      default:
        return this.source.take(this.source.below(40));
    }
  }

  #say(bytes: Buffer): void {
    this.#outgoing = Buffer.concat([this.#outgoing, bytes]);
  }
}
