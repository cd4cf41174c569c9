// check-lua.mjs: runs luacheck over the scripts of packages/service/store/lua, each with its includes as Redis gets it,
// and checks what luacheck cannot: headers, named arguments, unknown names, files that nothing uses.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expandLua, loadLua } from '../../packages/service/store/dist/redis/lua-files.js';

const store = fileURLToPath(new URL('../../packages/service/store/', import.meta.url));
const shown = (file) => `packages/service/store/lua/${file}.lua`;

/** Below a folder, with its extension cut off. */
const filesBelow = (folder, extension) =>
  readdirSync(join(store, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith(extension))
    .map((file) => file.slice(0, -extension.length));

const files = filesBelow('lua', '.lua');
const scripts = files.filter((file) => !file.startsWith('include/'));
const expanded = new Map(scripts.map((script) => [script, expandLua(script)]));
/** @type {Set<string>} */
const complaints = new Set();

function checkHeader(script) {
  const text = readFileSync(join(store, 'lua', `${script}.lua`), 'utf8');
  for (const part of ['-- KEYS: ', '-- ARGV: ', '-- Reply: ']) {
    if (!text.includes(`\n${part}`))
      complaints.add(`${shown(script)}:1: the header has no line "${part}..."`);
  }
}

function checkNames(script) {
  try {
    loadLua(script);
  } catch (error) {
    complaints.add(`packages/service/store/${error.message}`);
  }
  for (const { file, line, text } of expanded.get(script)) {
    if (/\b(?:KEYS|ARGV)\[/.test(text)) {
      complaints.add(
        `${shown(file)}:${line}: give the elements of KEYS and ARGV names: local a, b = unpack(ARGV)`,
      );
    }
  }
}

function checkUse() {
  const source = filesBelow('src', '.ts').map((file) =>
    readFileSync(join(store, 'src', `${file}.ts`), 'utf8'),
  );
  const named = new Set(
    source.flatMap((text) => [...text.matchAll(/new Script\([^)]*'([^']+)'\)/g)].map(([, file]) => file)),
  );
  const included = new Set([...expanded.values()].flat().map(({ file }) => file));
  for (const file of files) {
    if (!(scripts.includes(file) ? named : included).has(file))
      complaints.add(`${shown(file)}:1: nothing uses this file`);
  }
}

/** @returns lines `FILE:LINE:COLUMN: message` of luacheck, FILE being the name of a script below `folder` */
function luacheck(folder) {
  const config = join(store, 'lua/.luacheckrc');
  const args = [
    ...scripts.map((script) => `${script}.lua`),
    '--config',
    config,
    '--formatter',
    'plain',
    '--codes',
  ];
  const { error, status, stdout, stderr } = spawnSync('luacheck', args, { cwd: folder, encoding: 'utf8' });
  if (error?.code === 'ENOENT') throw new Error('luacheck is missing: scripts/setup installs it');
  if (error) throw error;
  if (status > 2) throw new Error(`luacheck failed: ${stderr}${stdout}`);
  return stdout.split('\n').filter((line) => line !== '');
}

/** A function of an included file may be unused in some of the scripts that include it, but not in all. */
function checkWithLuacheck() {
  const unused = new Map();
  const folder = mkdtempSync(join(tmpdir(), 'check-lua-'));
  try {
    for (const [script, lines] of expanded) {
      const path = join(folder, `${script}.lua`);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, lines.map(({ text }) => `${text}\n`).join(''));
    }
    for (const message of luacheck(folder)) {
      const [, script, number, rest] = /^(.*)\.lua:(\d+):(.*)$/.exec(message) ?? [];
      const origin = expanded.get(script)?.[number - 1];
      if (origin === undefined) throw new Error(`luacheck: ${message}`);
      const complaint = `${shown(origin.file)}:${origin.line}:${rest}`;
      if (origin.file !== script && rest.includes('(W211) unused function')) {
        unused.set(complaint, { file: origin.file, times: (unused.get(complaint)?.times ?? 0) + 1 });
      } else {
        complaints.add(complaint);
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  const users = (file) =>
    [...expanded.values()].filter((lines) => lines.some((line) => line.file === file)).length;
  for (const [complaint, { file, times }] of unused) if (times === users(file)) complaints.add(complaint);
}

for (const script of scripts) {
  checkHeader(script);
  checkNames(script);
}
checkUse();
checkWithLuacheck();
for (const complaint of [...complaints].sort((a, b) => (a < b ? -1 : 1))) console.error(complaint);
if (complaints.size > 0) process.exit(1);
console.log(`   ${scripts.length} scripts, ${files.length - scripts.length} included files`);
