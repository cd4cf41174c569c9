import { basename } from 'node:path';
import type { ProgramCase } from './programs.js';

/**
 * Why a program is not run bare: what it could do to this host or to others. By its text, which is no proof; a bare
 * program also runs as an ordinary user, in a folder of its own, with limits and without a network.
 */
const RISKS: readonly (readonly [string, RegExp])[] = [
  ['processes', /\b(?:subprocess|multiprocessing|pty|ProcessPoolExecutor|ptrace)\b/],
  [
    'processes',
    /\bos\s*\.\s*(?:system|popen|fork|forkpty|exec\w+|spawn\w+|posix_spawn\w*|kill\w*|setsid|nice)\b/,
  ],
  ['processes', /\bfrom\s+os\s+import[^\n]*\b(?:system|popen|fork|kill|exec|spawn)\b/],
  [
    'sockets',
    importing('socket|socketserver|http|urllib\\w*|requests|httpx|aiohttp|ftplib|smtplib|poplib|imaplib'),
  ],
  ['sockets', importing('telnetlib|xmlrpc|webbrowser|selenium|paramiko')],
  ['removal of files', /\brmtree\b|\bshutil\s*\.\s*move\b|\.\s*(?:unlink|rmdir)\s*\(/],
  ['removal of files', /\bos\s*\.\s*(?:remove|removedirs|unlink|rmdir|rename|renames|replace|truncate)\b/],
  ['removal of files', /\bos\s*\.\s*(?:chmod|chown|link|symlink)\b/],
  ['removal of files', /\bfrom\s+os\s+import[^\n]*\b(?:remove|unlink|rmdir|rename)\b/],
];

/** A line that imports one of these modules. */
function importing(modules: string): RegExp {
  return new RegExp(`^[ \\t]*(?:import|from)\\s[^\\n#]*\\b(?:${modules})\\b`, 'm');
}

/** The first risk of the program, or of a module that it has beside it and names; null where there is none. */
export function riskOf(programCase: ProgramCase): string | null {
  const modules = new Map(
    programCase.files
      .filter(({ path }) => path.endsWith('.py'))
      .map(({ path, data }) => [path, data.toString('latin1')]),
  );
  const reached = new Set<string>();
  const open = [programCase.entry];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    const text = modules.get(path);
    if (text === undefined || reached.has(path)) continue;
    reached.add(path);
    const risk = RISKS.find(([, pattern]) => pattern.test(text));
    if (risk !== undefined) return risk[0];
    const words = new Set(text.match(/\w+/g));
    open.push(...[...modules.keys()].filter((other) => words.has(basename(other, '.py'))));
  }
  return null;
}
