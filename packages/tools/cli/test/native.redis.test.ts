import { describe, expect, it } from 'vitest';
import { gradeFolder, scratchClass } from './grade-folder.js';

const { put, folder } = scratchClass();
const grade = (...options: string[]) => gradeFolder(folder(), options);

/** A problem with one submission, which prints 1. */
async function problem(name: string, yaml: string, validator: Record<string, string>): Promise<void> {
  await put({
    [`problems/${name}/problem.yaml`]: `validation: custom\nlimits: {time_limit: 2, memory: 64, validation_time: 2, validation_memory: 64}\n${yaml}`,
    ...Object.fromEntries(
      Object.entries(validator).map(([file, text]) => [`problems/${name}/output_validators/v/${file}`, text]),
    ),
    [`problems/${name}/data/secret/1.in`]: 'in',
    [`problems/${name}/data/secret/1.ans`]: 'ans',
    [`problems/${name}/submissions/accepted/a.py`]: 'print(1)',
  });
}

const INCLUDES =
  '#include <cstdlib>\n#include <exception>\n#include <fstream>\n#include <iostream>\n#include <string>\n#include <unistd.h>\n#include <vector>\nusing namespace std;\n';
const cc = (text: string): Record<string, string> => ({ 'v.cc': `${INCLUDES}${text}` });

describe('validators in C++', () => {
  it('judge in the sandbox as those in Python do', async () => {
    await problem('arguments', 'validator_flags: "one two"', {
      ...cc(`string read(string name) { ifstream file(name); string word; file >> word; return word; }
        int main(int count, char **words) {
          string out; cin >> out;
          ofstream(string(words[3]) + "judgemessage.txt") << count << out << read(words[1]) << read(words[2]) << words[4] << words[5] << words[3];
          return 43;
        }`),
    });
    await problem(
      'exits',
      '',
      cc('struct A { ~A() { _exit(43); } } a;\nint main() { throw_with_nested(1); }'),
    );
    await problem('names', '', {
      'v.cc':
        'int environ, error, stdin, y1;\nextern "C" int PyErr_Occurred() { return 43; }\nint main() { error = PyErr_Occurred(); return error - 1; }',
    });
    await problem('flushes', '', {
      'v.c':
        '#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\nint main(int n, char **w) { char name[200]; strcpy(name, w[3]); strcat(name, "judgemessage.txt"); fprintf(fopen(name, "w"), "said"); exit(43); }',
    });
    const { found } = await grade('--compile');
    expect(found).toEqual({
      arguments: 'WA 61inansonetwo/judge/feedback/',
      exits: expect.stringMatching(/^JE output_validators\/v: runtime-error: died of SIGABRT/) as string,
      flushes: 'WA said',
      names: 'AC',
    });
  }, 600_000);

  it('that are hostile are a JE that says so, and hurt no other', async () => {
    const hostile: Readonly<Record<string, string>> = {
      constructor:
        'struct A { A() { ofstream("/etc/passwd") << "x"; if (!ifstream("/etc/shadow")) _exit(0); } } a;\nint main() { return 42; }',
      'exits-0': 'int main() { exit(0); }',
      forks: 'int main() { for (int n = 0; n < 1000; n++) if (fork() < 0) return 7; return 42; }',
      hangs: 'int main() { for (volatile int n = 0;; n++); }',
      'many-files':
        'int main(int, char **w) { for (int n = 0; n < 1000000; n++) { ofstream f(w[3] + to_string(n)); if (!f) { cerr << "no more files"; return 7; } } return 42; }',
      memory: 'int main() { vector<string> all; for (;;) all.push_back(string(10000000, 120)); }',
      prints:
        'int main() { string line(1 << 20, 120); for (int n = 0; n < 1000; n++) cout << line; return 42; }',
      reads: 'int main() { ifstream file("/etc/shadow"); if (!file) return 7; return 42; }',
      segfault: 'int main() { *(volatile int *)8 = 1; return 42; }',
      sleeps: 'int main() { sleep(1000); return 42; }',
    };
    for (const [name, text] of Object.entries(hostile)) await problem(name, '', cc(text));
    const { found, code } = await grade('--compile');
    const fails = (what: string): string =>
      expect.stringMatching(new RegExp(`^JE output_validators/v: ${what}`)) as string;
    expect(found).toEqual({
      constructor: fails('exited with 0 instead'),
      'exits-0': fails('exited with 0 instead'),
      forks: fails('exited with 7 instead'),
      hangs: fails('(time|wall)-limit'),
      'many-files': fails('(disk|syscall|time|wall)-limit|^JE output_validators/v: exited with 7'),
      memory: fails('(memory-limit|runtime-error: died of SIGABRT)'),
      prints: fails('output-limit'),
      reads: fails('exited with 7 instead'),
      segfault: fails('runtime-error: died of SIGSEGV'),
      sleeps: fails('wall-limit'),
    });
    expect(code).toBe(1);
  }, 600_000);

  it('keep their feedback from pass to pass', async () => {
    await put({
      'problems/passes/problem.yaml':
        'problem_format_version: 2025-09\nname: x\nuuid: u\ntype: multi-pass\nlimits: {time_limit: 2, validation_passes: 3}',
      'problems/passes/output_validator/v.cpp': `${INCLUDES}
        static ofstream log_file;
        int main(int, char **words) {
          string folder = words[3], before;
          getline(ifstream(folder + "state"), before);
          log_file.open(folder + "state");
          log_file << before << "x";
          if (before.size() < 2) ofstream(folder + "nextpass.in") << before.size();
          else ofstream(folder + "judgemessage.txt") << before;
          exit(before.size() < 2 ? 42 : 43);
        }`,
      'problems/passes/data/secret/1.in': 'in',
      'problems/passes/data/secret/1.ans': 'ans',
      'problems/passes/submissions/accepted/a.py': 'print(1)',
    });
    const { found } = await grade('--compile');
    expect(found).toEqual({ x: 'WA xx' });
  }, 600_000);

  it('are refused by name unless --compile allows them', async () => {
    await problem('x', '', cc('int main() { return 42; }'));
    const { stderr, code } = await grade();
    expect(stderr).toMatch(
      /output_validators\/v\/v\.cc: C\+\+ is compiled only where --compile or SANDPIPER_COMPILE=1 allows it/,
    );
    expect(code).toBe(2);
  });
});
