import { CONTROLLER_CPU_MESSAGE, type LimitsRequest } from '@sandpiper/contracts';
import { Cell, DEFAULT_PROFILE } from '@sandpiper/controller';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runSource } from './local.js';
import { Bench } from './translated.js';

/**
 * Calls that are cheap for the guest and expensive for the controller. The limit `controllerCpuMs` ends them:
 * otherwise each of these programs would take hours of the controller's time, as its own CPU time hardly
 * counts.
 */

let cell: Cell;
let neighbour: Cell;
beforeAll(async () => {
  cell = await Cell.start({ id: 0, cpu: null, node: null, rpython: null, profile: DEFAULT_PROFILE });
  neighbour = await Cell.start({ id: 1, cpu: null, node: null, rpython: null, profile: DEFAULT_PROFILE });
});
afterAll(async () => {
  await cell.close();
  await neighbour.close();
});

/** Forty links, each of which leads to the next in seven hundred steps: one lookup takes 28,000 names. */
const LINKS = `
import os
os.mkdir("d")
for i in range(39):
    os.symlink("/box/d/" + "../d/" * 700 + ("l%d" % (i + 1) if i < 38 else "x"), "d/l%d" % i)
while True:
    os.access("d/l0", 0)
`;

const DEAR: [string, string][] = [
  ['links to links to links', LINKS],
  ['long paths', `import os\npath = "/box/" + "../box/" * 580\nwhile True: os.access(path, 0)`],
  [
    'a deep folder',
    `import os
for i in range(2000): os.mkdir("a"); os.chdir("a")
while True: os.access("x", 0)`,
  ],
  [
    'a folder of many, read from its end',
    `import os, ctypes
os.mkdir("d")
for i in range(9000): os.close(os.open("d/%d" % i, os.O_CREAT | os.O_WRONLY))
fd = os.open("d", 0)
c = ctypes.CDLL(None)
buffer = ctypes.create_string_buffer(64)
while True:
    os.lseek(fd, 9000, 0)
    c.syscall(217, fd, buffer, 64)`,
  ],
  [
    'mappings that are fetched again and again',
    `import os, mmap
fd = os.open("f", os.O_CREAT | os.O_RDWR)
os.ftruncate(fd, 16 << 20)
held = [mmap.mmap(fd, 16 << 20) for _ in range(12)]
while True: os.pwrite(fd, b"x", 0)`,
  ],
  [
    'blocks that are cut off and written again',
    `import os
fd = os.open("f", os.O_CREAT | os.O_RDWR)
for i in range(60): os.pwrite(fd, b"x" * 1000000, i * 1000000)
while True:
    os.ftruncate(fd, 10**12)
    os.ftruncate(fd, 60000000)`,
  ],
];

/** The program's own limit is far away, so that even on a slow machine the controller's limit ends it. */
const limits: LimitsRequest = { cpuMs: 60_000, wallMs: 110_000, controllerCpuMs: 400 };

describe('a program that keeps the controller busy', () => {
  it.each(DEAR)('ends as syscall-limit: %s', async (_, source) => {
    const result = await runSource(cell, source, { limits });
    expect(result).toMatchObject({
      status: 'syscall-limit',
      message: CONTROLLER_CPU_MESSAGE,
      exitCode: null,
    });
    expect(result.usage.controllerCpuMs).toBeGreaterThan(400);
    const next = await runSource(cell, 'print(6 * 7)');
    expect(next).toMatchObject({ status: 'ok', stdout: '42\n' });
  });

  it('does not include one that makes many ordinary calls: its own CPU limit ends it', async () => {
    const source = 'import os\nwhile True: os.getppid()';
    const result = await runSource(cell, source, {
      limits: { cpuMs: 500, wallMs: 60_000, controllerCpuMs: 2_000 },
    });
    expect(result.status).toBe('time-limit');
  });

  it('ends as syscall-limit for a translated interpreter too', async () => {
    const bench = new Bench();
    try {
      const interpreter = bench.interpreter;
      const source = `forever raw access(pi)i s:/box/${'../box/'.repeat(100)} 0`;
      const result = await runSource(cell, source, { interpreter, limits });
      expect(result).toMatchObject({ status: 'syscall-limit', message: CONTROLLER_CPU_MESSAGE });
    } finally {
      bench.remove();
    }
  });

  it('takes nothing from a neighbouring cell', async () => {
    const source = 'import os\nfor i in range(20000): os.access("x", 0)\nprint(sum(range(10**6)))';
    const alone = await runSource(neighbour, source);
    let attacks = 0;
    const over = new AbortController();
    const attacking = (async () => {
      for (; !over.signal.aborted; attacks++) await runSource(cell, LINKS, { limits });
    })();
    const beside = [];
    for (let i = 0; i < 3; i++) beside.push(await runSource(neighbour, source));
    over.abort();
    await attacking;
    expect(attacks).toBeGreaterThan(0);
    for (const run of beside) {
      expect(run).toMatchObject({ status: 'ok', stdout: alone.stdout, stderr: '' });
      expect(run.usage.syscalls).toBe(alone.usage.syscalls);
    }
    const show = (run: typeof alone) =>
      `${run.usage.cpuMs.toFixed(0)} ms of its own, ${run.usage.controllerCpuMs.toFixed(0)} ms of its controller's`;
    process.stdout.write(`# alone: ${show(alone)}; beside attacks: ${beside.map(show).join('; ')}\n`);
  });
});
