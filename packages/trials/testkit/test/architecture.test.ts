import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const top = new URL('../../../../', import.meta.url);
const folder = 'docs/decisions/';

const DOCUMENTS = [
  'ARCHITECTURE.md',
  'SECURITY.md',
  'docs/fork-server.md',
  'docs/how-limits-are-held.md',
  ...readdirSync(new URL(folder, top)).map((name) => folder + name),
];

/** In backticks: what begins with a folder of ours and has neither a space nor a placeholder in it. */
const PATH = /`((?:packages|services|scripts|docs|deploy)\/[\w./*-]+)`/g;
const LINK = /\]\((?!https?:)([^)#\s]+)[^)]*\)/g;

const found = (text: string, what: RegExp): string[] =>
  [...text.matchAll(what)].map((match) => match[1] ?? '');

describe.each(DOCUMENTS)('%s', (name) => {
  const document = new URL(name, top);
  const text = readFileSync(document, 'utf8');

  it('names only files that exist', () => {
    expect(found(text, PATH).filter((path) => !existsSync(new URL(path, top)))).toEqual([]);
  });

  it('links only to files that exist', () => {
    expect(found(text, LINK).filter((path) => !existsSync(new URL(path, document)))).toEqual([]);
  });
});

it('the list of decisions has every page', () => {
  const pages = readdirSync(new URL(folder, top)).filter((name) => /^\d/.test(name));
  const list = readFileSync(new URL(`${folder}README.md`, top), 'utf8');
  expect(found(list, LINK).filter((path) => /^\d/.test(path))).toEqual(pages.sort());
});
