import { GuestProtocolError } from './errors.js';

export type ArgumentKind = 'i' | 'p' | 'f';
export type ResultKind = 'v' | 'i' | 'p' | 'f';

/** `open(pii)i`, parsed. */
export interface Signature {
  readonly text: string;
  readonly name: string;
  readonly args: readonly ArgumentKind[];
  readonly result: ResultKind;
}

/** The argument area of a real guest holds 256 bytes. */
export const MAX_ARGUMENTS = 32;
export const MAX_SIGNATURE_BYTES = 255;

const FORM = /^([A-Za-z_][A-Za-z0-9_]*)\(([ipf]*)\)([vipf])$/;

export function parseSignature(text: string): Signature {
  const match = text.length <= MAX_SIGNATURE_BYTES ? FORM.exec(text) : null;
  if (match === null) {
    throw new GuestProtocolError(
      'bad-signature',
      `not a call's signature: ${JSON.stringify(text.slice(0, 64))}`,
    );
  }
  const args = (match[2] as string).split('') as ArgumentKind[];
  if (args.length > MAX_ARGUMENTS) {
    throw new GuestProtocolError(
      'too-many-arguments',
      `${args.length} arguments, at most ${MAX_ARGUMENTS} fit`,
    );
  }
  return { text, name: match[1] as string, args, result: match[3] as ResultKind };
}

/** The shim sends a call's six registers at most, and the number too for a call that has no name. */
const MAX_REGISTERS = 7;

/**
 * A signature of the shim has no doubles, and an integer result: anything else does not come from the shim,
 * and would be taken for numbers that no register holds.
 */
export function parseRegisterSignature(text: string): Signature {
  const signature = parseSignature(text);
  const { args, result } = signature;
  if (result !== 'i' || args.length > MAX_REGISTERS || args.includes('f')) {
    throw new GuestProtocolError(
      'bad-signature',
      `not a system call's signature: ${JSON.stringify(text.slice(0, 64))}`,
    );
  }
  return signature;
}

/**
 * Caches parsed signatures. A guest cannot make it grow past its bound: when it is full, new ones are parsed
 * each time.
 */
export class SignatureCache {
  readonly #known = new Map<string, Signature>();

  constructor(
    private readonly capacity: number,
    private readonly parse: (text: string) => Signature = parseSignature,
  ) {}

  get(text: string): Signature {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const parsed = this.parse(text);
    if (this.#known.size < this.capacity) this.#known.set(text, parsed);
    return parsed;
  }
}
