import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const isRoot = process.getuid?.() === 0;
if (!isRoot) process.stderr.write('skipped: only root can make hosts of other kinds of this one\n');

const ORDINARY = 'setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps=-all --bounding-set=-all';
const PROC_HIDDEN = 'mount -t proc -o hidepid=2 proc /proc';
const script = fileURLToPath(new URL('run-in-pod.mjs', import.meta.url));

interface Answer {
  readonly error?: string;
  readonly status?: string;
  readonly message?: string | null;
  readonly start?: string;
  readonly said?: string;
  readonly syscalls?: number;
  readonly complaints?: readonly string[];
}

/** Runs a small node on a host that the shell words derive from this one. */
function runOn(host: string, run: object, env: Readonly<Record<string, string>> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const words = [
      '-c',
      `${host} "$0" "$@"`,
      process.execPath,
      script,
      JSON.stringify({ memoryBytes: 64 << 20, ...run }),
    ];
    // What is in the root's private folders is not for others.
    const variables = { ...process.env, HOME: '/tmp', SANDPIPER_CGROUPS: 'off', ...env };
    execFile('sh', words, { env: variables }, (error, stdout, stderr) => {
      if (error !== null) reject(new Error(`${error.message}: ${stderr}`));
      else resolve(JSON.parse(stdout) as Answer);
    });
  });
}

const unsharing = (commands: string) => `exec unshare -m sh -c '${commands} && exec "$0" "$@"'`;
/** `exec` in front of it. */
const hidden = `exec unshare -m sh -c '${PROC_HIDDEN} && exec ${ORDINARY} "$0" "$@"'`;

describe.skipIf(!isRoot)('where /proc hides other processes and the node is not root', () => {
  const sleeper = 'import time\ntime.sleep(1)\nprint("slept")';

  it('a wait is one call, not a busy loop', async () => {
    const seen = await runOn(`exec ${ORDINARY}`, { source: sleeper });
    const unseen = await runOn(hidden, { source: sleeper });
    expect(unseen).toMatchObject({ status: 'ok', said: 'slept\n' });
    expect(unseen.syscalls).toBe(seen.syscalls);
  });

  it('a signal ends a wait, and so does the end of a guest', async () => {
    const alarm = `
import signal, time
def ring(*_): raise SystemExit("rung")
signal.signal(signal.SIGALRM, ring)
signal.setitimer(signal.ITIMER_REAL, 0.2)
time.sleep(50)`;
    expect(await runOn(hidden, { source: alarm })).toMatchObject({ status: 'runtime-error', said: 'rung\n' });
    const late = { source: 'import time\ntime.sleep(50)', wallMs: 1000 };
    expect(await runOn(hidden, late)).toMatchObject({ status: 'wall-limit' });
  });

  it('runs start cold, and one line says why', async () => {
    const answer = await runOn(hidden, { source: sleeper, forked: true });
    expect(answer).toMatchObject({ status: 'ok', start: 'cold', said: 'slept\n' });
    expect(answer.complaints?.join('\n')).toMatch(/hidepid/);
  });
});

describe.skipIf(!isRoot)('root in a container', () => {
  const hello = { source: 'print("hello")' };
  const late = { source: 'import time\ntime.sleep(50)', wallMs: 1000 };

  it.each(['-sys_resource', '-kill', '-kill,-sys_resource', '-all,+setuid,+setgid,+dac_override,+chown'])(
    'sandboxes its guests with the capabilities %s',
    async (capabilities) => {
      const host = `exec setpriv --bounding-set=${capabilities} --inh-caps=-all`;
      expect(await runOn(host, { ...hello, forked: true })).toMatchObject({ status: 'ok', start: 'forked' });
      expect(await runOn(host, late)).toMatchObject({ status: 'wall-limit' });
    },
  );

  it('gets advice where it lacks the capabilities to give guests a user', async () => {
    const { error } = await runOn('exec setpriv --bounding-set=-all --inh-caps=-all', hello);
    expect(error).toMatch(/root without CAP_SETUID and CAP_SETGID .*run as an ordinary user/);
  });

  it('gets advice in a user namespace that lacks the users', async () => {
    const { error } = await runOn('exec unshare --user --map-root-user', hello);
    expect(error).toMatch(/user \d+ is not mapped .*SANDPIPER_GUEST_UIDS/);
  });

  it('refuses an invalid range of users', async () => {
    for (const range of ['0-10', 'many', '70-60', '5-']) {
      expect((await runOn('exec', hello, { SANDPIPER_GUEST_UIDS: range })).error).toContain('FIRST-LAST');
    }
  });
});

describe.skipIf(!isRoot || !existsSync('/usr/bin/strace'))('a kernel without close_range', () => {
  it.each([false, true])('closes descriptors one by one: forked %s', async (forked) => {
    const host = 'exec strace -f -qq -o /dev/null -e trace=close_range -e inject=close_range:error=ENOSYS';
    expect(await runOn(host, { source: 'print("hello")', forked })).toMatchObject({
      ...{ status: 'ok', said: 'hello\n', start: forked ? 'forked' : 'cold' },
    });
  });
});

describe.skipIf(!isRoot)('a /proc with nothing but processes', () => {
  it('is sufficient', async () => {
    const host = unsharing('mount -t proc -o subset=pid proc /proc');
    expect(await runOn(host, { source: 'print("hello")', forked: true })).toMatchObject({ said: 'hello\n' });
  });
});
