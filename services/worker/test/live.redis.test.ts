import { setTimeout as sleep } from 'node:timers/promises';
import { type FollowOptions, SandpiperClient } from '@sandpiper/client';
import { Processes, type RedisServer, startRedis } from '@sandpiper/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Followed } from './followed.js';

/** Live runs with real processes: a client, a scheduler, Redis, a node, sandboxed PyPy. */

const ORPHAN_MS = 400;

let redis: RedisServer;
let processes: Processes;
let client: SandpiperClient;

beforeAll(async () => {
  redis = await startRedis();
  processes = new Processes(redis);
  const [scheduler] = await Promise.all([
    processes.scheduler(),
    processes.node('n1', { SANDPIPER_ORPHAN_MS: String(ORPHAN_MS) }),
  ]);
  client = new SandpiperClient(scheduler.url);
});

afterAll(async () => {
  await processes.kill();
  await redis.stop();
});

const program = (...lines: string[]): string => lines.join('\n');

const submit = (source: string): Promise<string> => client.submitRun({ source, live: true });

const follow = (id: string, options: FollowOptions = {}): Followed =>
  new Followed(client.followRun(id, options));

/** Reads lines until the end of its input, and answers each. */
const ECHO = program(
  'import sys',
  'print("ready", flush=True)',
  'for line in sys.stdin:',
  '  print("got", line.rstrip(), flush=True)',
  'print("end")',
);

describe('a live run', () => {
  it('sends output and gets input before it ends', async () => {
    const run = follow(await submit(ECHO), { feed: true });
    await run.says('ready\n');
    for (const line of ['one', 'two', 'drei']) {
      await run.stream.write(Buffer.from(`${line}\n`));
      await run.says(`got ${line}\n`);
    }
    run.stream.end();
    expect(await run.ended).toMatchObject({ status: 'ok', exitCode: 0, attempt: 1 });
    expect(run.text()).toBe('ready\ngot one\ngot two\ngot drei\nend\n');
  });

  it('has its whole output in its result as well', async () => {
    const id = await submit('import sys; print("out"); sys.stderr.write("err"); sys.exit(3)');
    const run = follow(id);
    expect(await run.ended).toMatchObject({ status: 'runtime-error', exitCode: 3 });
    expect([run.text(), run.text('stderr')]).toEqual(['out\n', 'err']);
    expect((await client.getRun(id)).result).toMatchObject({ stdout: 'out\n', stderr: 'err' });
  });

  it('shows a combined output as standard output, in order', async () => {
    const source = 'import os\nfor n in range(100): os.write(1 + n % 2, b"%d " % n)';
    const id = await client.submitRun({ source, live: true, combined: true });
    const run = follow(id);
    const combined = Array.from({ length: 100 }, (_, n) => `${n} `).join('');
    expect((await run.ended).status).toBe('ok');
    expect([run.text(), run.text('stderr')]).toEqual([combined, '']);
    expect((await client.getRun(id)).result).toMatchObject({ stdout: '', stderr: '', combined });
    // After its end, all of it comes from the result.
    const plain = await client.submitRun({ source, combined: true });
    expect((await client.waitRun(plain)).combined).toBe(combined);
    const late = follow(plain);
    expect((await late.ended).status).toBe('ok');
    expect(late.text()).toBe(combined);
  });

  it('carries every byte, both ways', async () => {
    const source = program(
      'import sys',
      'data = sys.stdin.buffer.read()',
      'sys.stdout.buffer.write(data[::-1])',
      'sys.stderr.buffer.write(bytes([255]) * 3)',
    );
    const data = Buffer.from(Array.from({ length: 300_000 }, (_, n) => (n * 7 + (n >> 8)) & 255));
    const run = follow(await submit(source), { feed: true });
    for (let at = 0; at < data.length; at += 50_001) await run.stream.write(data.subarray(at, at + 50_001));
    run.stream.end();
    expect((await run.ended).status).toBe('ok');
    expect(run.bytes().equals(Buffer.from(data).reverse())).toBe(true);
    expect(run.bytes('stderr')).toEqual(Buffer.alloc(3, 255));
  });

  it('gets input only as fast as the program reads, and all of it in the end', async () => {
    const source = program(
      'import sys, time',
      'print(sys.stdin.buffer.read(1), flush=True)',
      'time.sleep(0.5)',
      'print(1 + len(sys.stdin.buffer.read()))',
    );
    const run = follow(await submit(source), { feed: true });
    const piece = Buffer.alloc(64 * 1024, 'x');
    for (let n = 0; n < 80; n++) await run.stream.write(piece);
    run.stream.end();
    expect((await run.ended).status).toBe('ok');
    expect(run.text()).toBe(`b'x'\n${80 * piece.length}\n`);
  });

  it('keeps the order of small writes to both streams', async () => {
    const source = program(
      'import os, time',
      'for n in range(200):',
      '  os.write(1 + n % 2, b"%d " % n)',
      '  if n % 20 == 0: time.sleep(0.01)',
    );
    const run = follow(await submit(source));
    expect((await run.ended).status).toBe('ok');
    const pieces = run.events.filter((event) => event.type === 'output').map(({ data }) => data.toString());
    expect(pieces.join('')).toBe(Array.from({ length: 200 }, (_, n) => `${n} `).join(''));
  });

  it('is seen equally by two followers, and from its cursor by one that reconnects', async () => {
    const id = await submit(ECHO);
    const first = follow(id, { feed: true });
    await first.says('ready\n');
    const second = follow(id);
    await first.stream.write(Buffer.from('a\n'));
    await Promise.all([first.says('got a\n'), second.says('got a\n')]);
    const { cursor } = second;
    second.stream.close();
    await expect(second.ended).rejects.toThrow('without a result');
    await first.stream.write(Buffer.from('b\n'));
    await first.says('got b\n');
    const third = follow(id, { from: cursor });
    first.stream.end();
    await Promise.all([first.ended, third.ended]);
    expect(first.text()).toBe('ready\ngot a\ngot b\nend\n');
    expect(third.text()).toBe('got b\nend\n');
  });

  it('can be followed after its end, from any position, even when its streams are gone', async () => {
    const id = await submit('import os; os.write(1, b"abc"); os.write(2, b"de"); os.write(1, b"fgh")');
    const run = follow(id);
    await run.ended;
    const whole = follow(id);
    await whole.ended;
    expect([whole.text(), whole.text('stderr')]).toEqual(['abcfgh', 'de']);
    await redis.admin((connection) => connection.del(`{sandpiper}:live:${id}:out`));
    // `EPOCH.STDOUT.STDERR` of the attempt that wrote it.
    const [epoch] = (whole.cursor ?? '').split('.');
    const rest = follow(id, { from: `${epoch}.2.1` });
    await rest.ended;
    expect([rest.text(), rest.text('stderr')]).toEqual(['cfgh', 'e']);
  });

  it('is interrupted as by Ctrl-C, while it computes and while it waits', async () => {
    const source = program(
      'import sys',
      'def until_interrupted(work):',
      '  try: work()',
      '  except KeyboardInterrupt: print("interrupted", flush=True)',
      'def compute():',
      '  print("computing", flush=True)',
      '  while True: pass',
      'def wait():',
      '  print("waiting", flush=True)',
      '  input()',
      'until_interrupted(compute)',
      'until_interrupted(wait)',
      'print("read", input())',
    );
    const run = follow(await submit(source), { feed: true });
    await run.says('computing\n');
    run.stream.interrupt();
    await run.says('computing\ninterrupted\nwaiting\n');
    await run.stream.wanted();
    run.stream.interrupt();
    await run.says('waiting\ninterrupted\n');
    await run.stream.write(Buffer.from('this\n'));
    expect((await run.ended).status).toBe('ok');
    expect(run.text().endsWith('read this\n')).toBe(true);
  });

  it('is cancelled over the stream', async () => {
    const run = follow(await submit('print("on", flush=True)\nwhile True: pass'), { feed: true });
    await run.says('on\n');
    run.stream.cancel();
    expect((await run.ended).status).toBe('cancelled');
  });

  it('gets the end of its input without a connected feeder', async () => {
    const run = follow(await submit('import sys; print(repr(sys.stdin.read()))'));
    expect((await run.ended).status).toBe('ok');
    expect(run.text()).toBe("''\n");
  });

  it('waits for a slow feeder that stays connected', async () => {
    const run = follow(await submit('print(repr(input()))'), { feed: true });
    await run.stream.wanted();
    // What is tested: more than the time after which the input of a run without a feeder ends.
    await sleep(2.5 * ORPHAN_MS);
    await run.stream.write(Buffer.from('here\n'));
    expect((await run.ended).status).toBe('ok');
    expect(run.text()).toBe("'here'\n");
  });

  it('is held to its limits while it waits for input', async () => {
    const id = await client.submitRun({ source: 'input()', live: true, limits: { wallMs: 300 } });
    const run = follow(id, { feed: true });
    expect((await run.ended).status).toBe('wall-limit');
  });

  it('leaves input unread when the program asks for none', async () => {
    const run = follow(await submit('print("deaf")'), { feed: true });
    expect(await run.stream.wanted()).toBe(false);
    expect((await run.ended).status).toBe('ok');
  });

  it('has its output truncated at its limit, for followers and in its result', async () => {
    const source = 'import os\nwhile True: os.write(1, b"x" * 1000)';
    const id = await client.submitRun({ source, live: true, limits: { outputBytes: 100_500 } });
    const run = follow(id);
    expect((await run.ended).status).toBe('output-limit');
    const { result } = await client.getRun(id);
    expect(run.text()).toBe(result?.stdout);
    expect(run.bytes()).toHaveLength(100_500);
  });
});

describe('a run that is not live', () => {
  it('can be followed: its output arrives at its end', async () => {
    const run = follow(await client.submitRun({ source: 'print(input())', stdin: 'given\n' }));
    expect((await run.ended).status).toBe('ok');
    expect(run.text()).toBe('given\n');
  });
});
