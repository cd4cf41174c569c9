import { beforeEach, describe, expect, it } from 'vitest';
import { FakeClock, settled, Supervisor, type Inspection, type Supervised } from '@sandpiper/actor';

const policy = { firstBackOffMs: 100, maxBackOffMs: 1_000, maxFailures: 4, windowMs: 10_000 };

let clock: FakeClock;
let seen: Inspection[];
let supervisor: Supervisor;

beforeEach(() => {
  clock = new FakeClock();
  seen = [];
  supervisor = new Supervisor({ clock, policy, inspect: (event) => seen.push(event) });
});

/** A child that does as it is told. */
class Puppet implements Supervised {
  readonly ended: Promise<Error | null>;
  closed = false;
  private end: (error: Error | null) => void = () => {};

  constructor(readonly up: () => void) {
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
  }

  die(why: string): void {
    this.end(new Error(why));
  }

  close(): void {
    this.closed = true;
    this.end(null);
  }
}

function puppets() {
  const all: Puppet[] = [];
  return {
    all,
    get latest(): Puppet {
      return all.at(-1)!;
    },
    start: (up: () => void): Supervised => {
      const puppet = new Puppet(up);
      all.push(puppet);
      return puppet;
    },
  };
}

const restarts = () => seen.flatMap((event) => (event.type === 'restart' ? [event.delayMs] : []));
const kinds = () =>
  seen.map(({ type }) => type).filter((type) => /^(restart|escalated|recovered)$/.test(type));

describe('a supervisor', () => {
  it('starts a child and says when it is up', async () => {
    const child = puppets();
    let isUp = false;
    const started = supervisor.start('a', child.start).then(() => {
      isUp = true;
    });
    await settled();
    expect(isUp).toBe(false);
    child.latest.up();
    await started;
    expect(supervisor.stateOf('a')).toBe('up');
    await supervisor.stop();
    expect([supervisor.stateOf('a'), child.latest.closed]).toEqual(['stopped', true]);
  });

  it('restarts a dead child with growing back-off, up to a bound', async () => {
    const child = puppets();
    void supervisor.start('a', child.start);
    for (let i = 0; i < 7; i++) {
      await settled();
      expect(child.all).toHaveLength(i + 1);
      child.latest.up();
      await settled();
      child.latest.die('again');
      await settled();
      await clock.advance((restarts()[i] ?? 0) - 1);
      expect(child.all).toHaveLength(i + 1);
      await clock.advance(1);
    }
    // The fourth is one too many: from there on it is the longest.
    expect(restarts()).toEqual([100, 200, 400, 1_000, 1_000, 1_000, 1_000]);
  });

  it('treats a child that cannot start like one that died', async () => {
    let tries = 0;
    await supervisor.start('a', () => {
      tries += 1;
      throw new Error('no such file');
    });
    expect(supervisor.stateOf('a')).toBe('resting');
    await clock.advance(300);
    expect(tries).toBe(3);
    await supervisor.stop();
    await clock.advance(100_000);
    expect(tries).toBe(3);
  });

  it('resets the back-off of a healthy child', async () => {
    const child = puppets();
    void supervisor.start('a', child.start);
    for (let i = 0; i < 3; i++) {
      await settled();
      child.latest.up();
      await settled();
      supervisor.healthy('a');
      await settled();
      child.latest.die('again');
      await settled();
      await clock.advance(100);
    }
    expect(restarts()).toEqual([100, 100, 100]);
  });

  it('escalates once for a child that dies too often, keeps restarting it, and reports its recovery', async () => {
    const child = puppets();
    const other = puppets();
    let told = 0;
    supervisor = new Supervisor({
      clock,
      policy,
      inspect: (event) => seen.push(event),
      onTrouble: () => void told++,
    });
    void supervisor.start('a', child.start);
    void supervisor.start('b', other.start);
    await settled();
    other.latest.up();
    for (let i = 0; i < 6; i++) {
      await settled();
      child.latest.die(`death ${i}`);
      await clock.advance(1_000);
    }
    expect(kinds().filter((kind) => kind === 'escalated')).toHaveLength(1);
    expect(supervisor.troubles).toEqual([
      { child: 'a', failures: 4, windowMs: 10_000, error: new Error('death 5') },
    ]);
    // It is up, and runs something at once: that alone does not undo four deaths in ten seconds.
    child.latest.up();
    await settled();
    supervisor.healthy('a');
    await settled();
    expect([told, supervisor.troubles.length]).toEqual([1, 1]);
    await clock.advance(policy.windowMs);
    expect([told, supervisor.troubles.length]).toEqual([2, 0]);
    expect(kinds().at(-1)).toBe('recovered');
    expect([other.all.length, other.latest.closed]).toEqual([1, false]);
    await supervisor.stop();
    expect(clock.pending).toBe(0);
  });

  it('closes a child that is being started, even right after the request to start it', async () => {
    const [early, later] = [puppets(), puppets()];
    const started = [supervisor.start('early', early.start), supervisor.start('later', later.start)];
    await supervisor.stop();
    await Promise.all(started);
    expect([early.latest.closed, later.latest.closed]).toEqual([true, true]);
    expect(kinds()).toEqual([]);
  });

  it('ignores a child that reports to be up after its end', async () => {
    const child = puppets();
    void supervisor.start('a', child.start);
    await settled();
    child.latest.die('at once');
    await settled();
    await clock.advance(100);
    child.all[0]?.up();
    await settled();
    expect([child.all.length, supervisor.stateOf('a')]).toEqual([2, 'starting']);
    await supervisor.stop();
  });
});
