import { type LogicalLine, logicalLines } from './logical-lines.js';

/** A decorator: its last name, and the text between its brackets; null without brackets. */
export interface Decorator {
  readonly name: string;
  readonly args: string | null;
  readonly line: number;
}

export interface FoundFunction {
  readonly name: string;
  readonly line: number;
  readonly decorators: readonly Decorator[];
  /** Without `self`, and without those that have a default. */
  readonly parameters: readonly string[];
}

export interface FoundClass {
  readonly name: string;
  readonly line: number;
  readonly decorators: readonly Decorator[];
  /** The last name of each base: `TestCase` of `unittest.TestCase`. */
  readonly bases: readonly string[];
  readonly methods: readonly FoundFunction[];
}

/** What a module of tests defines at its top, as far as it can be read without running it. */
export interface TestModule {
  readonly classes: readonly FoundClass[];
  readonly functions: readonly FoundFunction[];
  /** Top-level names of what it imports. */
  readonly imports: ReadonlySet<string>;
  readonly hasLoadTests: boolean;
}

/** @param where names the file in errors */
export function readTestModule(source: string, where: string): TestModule {
  const lines = logicalLines(source.replace(/^\uFEFF/, ''), where);
  const classes: FoundClass[] = [];
  const functions: FoundFunction[] = [];
  const imports = new Set<string>();
  let decorators: Decorator[] = [];
  for (const [at, line] of lines.entries()) {
    for (const name of importsOf(line.text)) imports.add(name);
    if (line.indent > 0) continue;
    const decorator = decoratorOf(line);
    if (decorator !== null) {
      decorators.push(decorator);
      continue;
    }
    const found = functionOf(line, decorators);
    if (found !== null) functions.push(found);
    const header = /^class\s+(\w+)\s*(?:\((.*)\))?\s*:/.exec(line.text);
    if (header !== null) {
      const [, name = '', bases = ''] = header;
      const methods = methodsOf(bodyOf(lines, at));
      classes.push({ name, line: line.number, decorators, bases: basesOf(bases), methods });
    }
    decorators = [];
  }
  const hasLoadTests = functions.some(({ name }) => name === 'load_tests');
  return { classes, functions, imports, hasLoadTests };
}

/** The lines below a header. */
function bodyOf(lines: readonly LogicalLine[], header: number): LogicalLine[] {
  const indent = lines[header]?.indent ?? 0;
  const body: LogicalLine[] = [];
  for (let at = header + 1; at < lines.length; at++) {
    const line = lines[at];
    if (line === undefined || line.indent <= indent) break;
    body.push(line);
  }
  return body;
}

/** The functions of a class itself; one below an `if` is not known before it runs. */
function methodsOf(body: readonly LogicalLine[]): FoundFunction[] {
  const methods: FoundFunction[] = [];
  const indent = body[0]?.indent ?? 0;
  let decorators: Decorator[] = [];
  for (const line of body) {
    if (line.indent !== indent) continue;
    const decorator = decoratorOf(line);
    if (decorator !== null) {
      decorators.push(decorator);
      continue;
    }
    const found = functionOf(line, decorators);
    decorators = [];
    if (found !== null) methods.push({ ...found, parameters: found.parameters.slice(1) });
    const given = attributeOf(line);
    const at = methods.findLastIndex(({ name }) => name === given?.of);
    const method = methods[at];
    if (given !== null && method !== undefined)
      methods[at] = { ...method, decorators: [...method.decorators, given.decorator] };
  }
  return methods;
}

function decoratorOf({ text, number }: LogicalLine): Decorator | null {
  const found = /^@\s*([\w.]+)\s*(?:\((.*)\))?$/.exec(text);
  if (found === null) return text.startsWith('@') ? { name: '', args: null, line: number } : null;
  const [, path = '', args] = found;
  return { name: lastName(path), args: args ?? null, line: number };
}

/** `test_x.__weight__ = 2` says what `@weight(2)` does. */
function attributeOf({ text, number }: LogicalLine): { of: string; decorator: Decorator } | null {
  const found = /^(\w+)\.__(weight|number|visibility|hide_errors)__\s*=\s*(.*)$/.exec(text);
  if (found === null) return null;
  const [, of = '', name = '', args = ''] = found;
  return { of, decorator: { name, args, line: number } };
}

function functionOf({ text, number }: LogicalLine, decorators: readonly Decorator[]): FoundFunction | null {
  const found = /^(?:async\s+)?def\s+(\w+)\s*\(/.exec(text);
  if (found === null) return null;
  const inside = bracketed(text.slice(found[0].length));
  return { name: found[1] ?? '', line: number, decorators, parameters: requiredOf(inside) };
}

/** The text up to the bracket that closes. */
function bracketed(text: string): string {
  let depth = 1;
  for (let at = 0; at < text.length; at++) {
    const character = text[at] ?? '';
    if ('([{'.includes(character)) depth++;
    if (')]}'.includes(character) && --depth === 0) return text.slice(0, at);
  }
  return text;
}

function requiredOf(inside: string): string[] {
  const parameters = splitAtCommas(inside).filter((one) => /^\w/.test(one) && !hasDefault(one));
  return parameters.map((one) => /^\w+/.exec(one)?.[0] ?? '');
}

const hasDefault = (parameter: string): boolean => /(^|[^=!<>])=([^=]|$)/.test(parameter);

/** At commas outside of brackets. */
function splitAtCommas(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text[at] ?? '';
    if ('([{'.includes(character)) depth++;
    if (')]}'.includes(character)) depth--;
    if (character === ',' && depth === 0) {
      parts.push(text.slice(from, at).trim());
      from = at + 1;
    }
  }
  parts.push(text.slice(from).trim());
  return parts.filter((part) => part !== '');
}

const basesOf = (text: string): string[] =>
  splitAtCommas(text).flatMap((base) => (/^[\w.]+$/.test(base) ? [lastName(base)] : []));

const lastName = (path: string): string => path.slice(path.lastIndexOf('.') + 1);

function importsOf(text: string): string[] {
  const from = /^from\s+(\w+)/.exec(text)?.[1];
  if (from !== undefined) return [from];
  const list = /^import\s+(.*)$/.exec(text)?.[1];
  return splitAtCommas(list ?? '').flatMap((one) => /^\w+/.exec(one)?.[0] ?? []);
}
