import { describe, expect, it } from 'vitest';
import { Actor, FakeClock, settled, type Inspection, type Message, type Self } from '@sandpiper/actor';

interface Note extends Message {
  readonly type: 'note';
  readonly text: string;
}

const note = (text: string): Note => ({ type: 'note', text });

interface Gate {
  readonly passed: Promise<void>;
  open(): void;
}

function gate(): Gate {
  let open = (): void => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open };
}

/** An actor that writes down what it is told. */
function recorder(options: {
  receive?: (message: Note, self: Self<Note>) => void | Promise<void>;
  onStart?: (self: Self<Note>) => void;
  capacity?: number;
}) {
  const clock = new FakeClock();
  const heard: string[] = [];
  const seen: Inspection[] = [];
  const dropped: string[] = [];
  const actor = new Actor<Note>({
    name: 'recorder',
    capacity: options.capacity ?? 2,
    clock,
    inspect: (event) => seen.push(event),
    onDropped: ({ text }) => dropped.push(text),
    ...(options.onStart === undefined ? {} : { onStart: options.onStart }),
    receive: (message, self) => {
      heard.push(message.text);
      return options.receive?.(message, self);
    },
  });
  return { actor, clock, heard, seen, dropped };
}

describe('an actor', () => {
  it('handles messages one at a time and in order', async () => {
    const gates = [gate(), gate()];
    const { actor, heard } = recorder({ receive: () => gates[heard.length - 1]?.passed });
    expect([actor.tell(note('a')), actor.tell(note('b'))]).toEqual(['accepted', 'accepted']);
    expect(heard).toEqual([]);
    await settled();
    expect(heard).toEqual(['a']);
    gates[0]?.open();
    await settled();
    expect(heard).toEqual(['a', 'b']);
    gates[1]?.open();
    await actor.stop();
  });

  it('tells the sender that its mailbox is full, and keeps working', async () => {
    const { actor, heard, seen } = recorder({});
    expect(['a', 'b', 'c'].map((text) => actor.tell(note(text)))).toEqual(['accepted', 'accepted', 'full']);
    expect(seen).toContainEqual({ type: 'overflow', actor: 'recorder', message: 'note', capacity: 2 });
    await settled();
    expect(actor.tell(note('d'))).toBe('accepted');
    await settled();
    expect(heard).toEqual(['a', 'b', 'd']);
    await actor.stop();
  });

  it('handles outcomes of its own work first, even when its mailbox is full', async () => {
    const work = gate();
    const { actor, heard } = recorder({
      capacity: 1,
      onStart: (self) => {
        self.begin(work.passed.then(() => note('work')));
        const answer = self.slot();
        queueMicrotask(() => {
          answer(note('answer'));
          answer(note('a second answer'));
        });
      },
    });
    await settled();
    expect(heard).toEqual(['answer']);
    expect([actor.tell(note('a')), actor.tell(note('b'))]).toEqual(['accepted', 'full']);
    work.open();
    await settled();
    expect(heard).toEqual(['answer', 'a', 'work']);
    await actor.stop();
  });

  it('stops after the message in progress and all started work are done', async () => {
    const [handling, work] = [gate(), gate()];
    const { actor, heard, seen, dropped } = recorder({
      receive: (_message, self) => {
        self.begin(work.passed.then(() => note('work')));
        return handling.passed;
      },
    });
    actor.tell(note('a'));
    await settled();
    actor.tell(note('late'));
    let stopped = false;
    const stopping = actor.stop().then(() => {
      stopped = true;
    });
    expect(actor.tell(note('later'))).toBe('stopped');
    await settled();
    expect(stopped).toBe(false);
    handling.open();
    await settled();
    expect(stopped).toBe(false);
    work.open();
    await stopping;
    expect(heard).toEqual(['a']);
    expect(dropped).toEqual(['late']);
    expect(seen.at(-1)).toEqual({ type: 'stopped', actor: 'recorder', dropped: 1 });
    expect(await actor.ended).toBeNull();
  });

  it('handles no further message after its own handler stops it', async () => {
    const { actor, heard } = recorder({ receive: (_message, self) => self.stop() });
    actor.tell(note('a'));
    actor.tell(note('b'));
    expect(await actor.ended).toBeNull();
    expect(heard).toEqual(['a']);
  });

  it.each([
    ['throws', () => Promise.reject(new Error('out of order'))],
    [
      'has work that fails',
      (_m: Note, self: Self<Note>) => self.begin(Promise.reject(new Error('out of order'))),
    ],
  ])('ends with the error when its handler %s', async (_how, receive) => {
    const { actor, seen } = recorder({ receive });
    actor.tell(note('a'));
    expect((await actor.ended)?.message).toBe('out of order');
    expect(actor.tell(note('b'))).toBe('stopped');
    expect(seen.map(({ type }) => type)).toEqual(['started', 'message', 'failed', 'stopped']);
  });

  it('uses timers of the given clock: one per key, none after its end', async () => {
    const { actor, clock, heard } = recorder({
      onStart: (self) => {
        self.timer('x', 100, note('first x'));
        self.timer('x', 200, note('x'));
        self.timer('y', 50, note('y'));
        self.timer('z', 10, note('z'));
        self.clearTimer('z');
        self.timer('late', 1_000, note('late'));
      },
    });
    await clock.advance(199);
    expect(heard).toEqual(['y']);
    await clock.advance(1);
    expect(heard).toEqual(['y', 'x']);
    await actor.stop();
    expect(clock.pending).toBe(0);
  });

  it('survives an inspector that throws', async () => {
    const heard: string[] = [];
    const actor = new Actor<Note>({
      name: 'watched',
      capacity: 1,
      clock: new FakeClock(),
      inspect: () => {
        throw new Error('the log is full');
      },
      receive: ({ text }) => void heard.push(text),
    });
    actor.tell(note('a'));
    await settled();
    expect(heard).toEqual(['a']);
    await actor.stop();
    expect(await actor.ended).toBeNull();
  });

  it('refuses a mailbox without a bound', () => {
    for (const capacity of [0, -1, 1.5, Number.POSITIVE_INFINITY]) {
      expect(() => recorder({ capacity })).toThrow(RangeError);
    }
  });
});
