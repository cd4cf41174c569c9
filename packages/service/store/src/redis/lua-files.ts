import { readFileSync } from 'node:fs';
import { KEYS, PREFIXES } from '../keys.js';
import { CONSTANTS } from '../scripts/constants.js';

/** A line of a script, and where it stands. */
export interface LuaLine {
  /** Below lua/, without `.lua`. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly text: string;
}

/** @param name of a file below lua/, without `.lua`; @returns its text */
export type ReadLua = (name: string) => string;

/** Found from src and from dist. */
const FOLDER = new URL('../../lua/', import.meta.url);

const readLua: ReadLua = (name) => readFileSync(new URL(`${name}.lua`, FOLDER), 'utf8');

const INCLUDE = /^-- @include (\S+)$/;

/** The tables of names that only exist here: Redis sees the values. */
const TABLES: Readonly<Record<string, Readonly<Record<string, string | number>>>> = {
  KEY: KEYS,
  PREFIX: PREFIXES,
  CONST: CONSTANTS,
};
const NAME = /\b(KEY|PREFIX|CONST)\b(?:\.(\w+))?/g;

/**
 * The text of a script for Redis: includes are resolved, names of keys, prefixes and constants are replaced by their
 * values, and lines that are comments are left out. The first line, `#!lua` with its flags, stays the first.
 * @throws Error for a name that is unknown
 */
export function loadLua(name: string, read: ReadLua = readLua): string {
  return expandLua(name, read)
    .filter(({ text }) => text !== '' && !/^\s*--/.test(text))
    .map((line) =>
      line.text.replace(NAME, (_, table: string, key: string | undefined) => literal(line, table, key)),
    )
    .join('\n');
}

/**
 * A script with its includes (`-- @include NAME` stands for lua/include/NAME.lua, once), as it is written. An included file
 * is complete before the first line that follows its `@include`.
 */
export function expandLua(name: string, read: ReadLua = readLua): LuaLine[] {
  const seen = new Set<string>();
  const expand = (file: string): LuaLine[] => {
    if (seen.has(file)) return [];
    seen.add(file);
    const lines = read(file).trimEnd().split('\n');
    return lines.flatMap((text, index) => {
      const included = INCLUDE.exec(text)?.[1];
      return included === undefined ? [{ file, line: index + 1, text }] : expand(`include/${included}`);
    });
  };
  return expand(name);
}

function literal({ file, line }: LuaLine, table: string, key: string | undefined): string {
  const values = TABLES[table] ?? {};
  const where = `lua/${file}.lua:${line}`;
  if (key === undefined) throw new Error(`${where}: write ${table} with a name, as in ${table}.name`);
  const value = Object.hasOwn(values, key) ? values[key] : undefined;
  if (value === undefined) throw new Error(`${where}: unknown name ${table}.${key}`);
  if (typeof value === 'number') return String(value);
  if (/['\\\n]/.test(value)) throw new Error(`${where}: the value of ${table}.${key} needs quoting`);
  return `'${value}'`;
}
