import { InputError } from '../../files/errors.js';

/** A logical line of Python: joined over brackets and backslashes, without comments and docstrings. */
export interface LogicalLine {
  /** Counted from 1. */
  readonly number: number;
  /** Columns; a tab goes to the next multiple of 8. */
  readonly indent: number;
  readonly text: string;
}

/**
 * Splits Python into logical lines; triple-quoted strings become `""`. It tells strings from code and no more: what the
 * interpreter would refuse, it refuses later.
 * @param where names the file in errors
 * @throws InputError where a string or a bracket does not end
 */
export function logicalLines(source: string, where: string): LogicalLine[] {
  const lines: LogicalLine[] = [];
  const reader = new Reader(source.replace(/\r\n?/g, '\n'), where);
  for (;;) {
    const line = reader.next();
    if (line === null) return lines;
    if (line.text !== '') lines.push(line);
  }
}

class Reader {
  private at = 0;
  private line = 1;

  constructor(
    private readonly source: string,
    private readonly where: string,
  ) {}

  next(): LogicalLine | null {
    if (this.at >= this.source.length) return null;
    const number = this.line;
    const indent = this.indent();
    const parts: string[] = [];
    let depth = 0;
    while (this.at < this.source.length) {
      const character = this.source[this.at] ?? '';
      if (character === '\n') {
        this.step();
        if (depth === 0) break;
        parts.push(' ');
      } else if (character === '#') this.skipComment();
      else if (character === '\\' && this.source[this.at + 1] === '\n') {
        this.step();
        this.step();
      } else if (character === '"' || character === "'") parts.push(this.string(character));
      else {
        if ('([{'.includes(character)) depth++;
        if (')]}'.includes(character)) depth = Math.max(0, depth - 1);
        parts.push(character);
        this.step();
      }
    }
    if (depth > 0) throw new InputError(`${this.where}:${number}: a bracket does not end`);
    return { number, indent, text: parts.join('').trim() };
  }

  private step(): void {
    if (this.source[this.at] === '\n') this.line++;
    this.at++;
  }

  private indent(): number {
    let columns = 0;
    for (; this.at < this.source.length; this.at++) {
      const character = this.source[this.at];
      if (character === ' ') columns++;
      else if (character === '\t') columns += 8 - (columns % 8);
      else if (character !== '\f') break;
    }
    return columns;
  }

  private skipComment(): void {
    while (this.at < this.source.length && this.source[this.at] !== '\n') this.at++;
  }

  /** With its quotes; a backslash protects what follows it in raw strings too. */
  private string(quote: string): string {
    const begun = this.line;
    const isTriple = this.source.startsWith(quote.repeat(3), this.at);
    const end = isTriple ? quote.repeat(3) : quote;
    const from = this.at;
    for (let n = 0; n < end.length; n++) this.step();
    while (!this.source.startsWith(end, this.at)) {
      const character = this.source[this.at];
      if (character === undefined || (character === '\n' && !isTriple))
        throw new InputError(`${this.where}:${begun}: a string does not end`);
      this.step();
      if (character === '\\') this.step();
    }
    this.at += end.length;
    return isTriple ? '""' : this.source.slice(from, this.at);
  }
}
