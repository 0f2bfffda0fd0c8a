import { describe, expect, test } from 'vitest';
import { DatabaseError } from '../errors/index.ts';
import { Deadlines } from './deadlines.ts';
import type { ItemAnswer, Items, ItemTarget } from './engine.ts';
import { Meter } from './meter.ts';
import { TimedItems, timedConflicts } from './timed-items.ts';

/** A clock that a test moves. */
function clock() {
  let nowMs = 0;
  let timers: { atMs: number; task: () => void }[] = [];
  const runtime = {
    monotonicMs: () => nowMs,
    after: (delayMs: number, task: () => void) => {
      const timer = { atMs: nowMs + delayMs, task };
      timers.push(timer);
      return () => {
        timers = timers.filter((one) => one !== timer);
      };
    },
  };
  const run = (untilMs: number) => {
    for (;;) {
      const next = timers.filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      nowMs = next.atMs;
      timers = timers.filter((one) => one !== next);
      next.task();
    }
    nowMs = untilMs;
  };
  return { runtime, run, waiting: () => timers.length };
}

describe('deadlines', () => {
  test('those that do not end are told in time, in order; the others never', () => {
    const { runtime, run, waiting } = clock();
    const deadlines = new Deadlines(runtime, 100);
    const late: number[] = [];
    const begun = [0, 10, 10, 30, 90].map((atMs, place) => {
      run(atMs);
      return deadlines.begin(atMs, () => late.push(place));
    });
    expect(waiting()).toBe(1);
    expect(begun[1]?.end()).toBe(true);
    expect(begun[1]?.end()).toBe(false);
    run(105);
    expect(late).toEqual([0]);
    expect(begun[0]?.end()).toBe(false);
    run(129);
    expect(late).toEqual([0, 2]);
    begun[4]?.end();
    run(1_000);
    expect(late).toEqual([0, 2, 3]);
    expect(waiting()).toBe(0);
  });

  test('first, middle and last can end in any order, and new ones begin after', () => {
    const { runtime, run } = clock();
    const deadlines = new Deadlines(runtime, 100);
    const late: string[] = [];
    const begin = (name: string) => deadlines.begin(runtime.monotonicMs(), () => late.push(name));
    const [a, b, c] = [begin('a'), begin('b'), begin('c')];
    c.end();
    a.end();
    run(50);
    begin('d');
    b.end();
    run(500);
    expect(late).toEqual(['d']);
    begin('e');
    deadlines.stop();
    run(5_000);
    expect(late).toEqual(['d']);
  });
});

describe('timed items', () => {
  const answer = { charge: 2.5 } as ItemAnswer;

  function over(read: () => ItemAnswer | Promise<ItemAnswer>) {
    const { runtime, run } = clock();
    const meter = new Meter();
    const deadlines = new Deadlines(runtime, 5_000);
    const items = new TimedItems({ read } as unknown as Items, { runtime, deadlines, meter });
    return { run, meter, items, read: () => items.read({} as ItemTarget) };
  }

  test('what is at hand stays synchronous, and is counted', () => {
    const { read, meter } = over(() => answer);
    expect(read()).toBe(answer);
    const [counts] = meter.snapshot();
    expect(counts).toMatchObject({ operation: 'read', charge: 2.5, outcomes: { ok: 1, failed: 0 } });
  });

  test('an operation that never ends is a time-out with an unknown outcome', async () => {
    const { read, run, meter } = over(() => new Promise(() => undefined));
    const reading = Promise.resolve(read());
    run(4_999);
    run(5_001);
    await expect(reading).rejects.toMatchObject({ code: 'RequestTimeout' });
    expect(meter.snapshot()[0]?.outcomes).toMatchObject({ ok: 0, timedOut: 1 });
  });

  test('the conflicts feed ends in time as well', async () => {
    const { items, run, meter } = over(() => answer);
    const never = () => new Promise<never>(() => undefined);
    const path = { database: 'd', container: 'c' };
    const stuck = timedConflicts(items, { list: never, read: never, delete: never });
    const asked = [stuck.list(path), stuck.read(path, 'x'), stuck.delete(path, 'x')];
    run(5_001);
    for (const { status } of await Promise.allSettled(asked)) expect(status).toBe('rejected');
    for (const asking of asked) await expect(asking).rejects.toMatchObject({ code: 'RequestTimeout' });
    expect(meter.snapshot().filter(({ outcomes }) => outcomes.timedOut === 1)).toHaveLength(3);

    const prompt = timedConflicts(items, { list: async () => [], read: never, delete: never });
    expect(await prompt.list(path)).toEqual([]);
  });

  test.each([
    [new DatabaseError('NotFound', ''), 'refused'],
    [new DatabaseError('StalenessBoundReached', ''), 'throttled'],
    [new DatabaseError('ServiceUnavailable', ''), 'failed'],
    [new RangeError('a bug'), 'failed'],
  ])('%s is counted as %s', async (error, outcome) => {
    const later = over(() => Promise.reject(error));
    await expect(later.read()).rejects.toBe(error);
    const atOnce = over(() => {
      throw error;
    });
    expect(atOnce.read).toThrow();
    for (const { meter } of [later, atOnce]) {
      expect(meter.snapshot()[0]?.outcomes[outcome as 'ok']).toBe(1);
    }
  });
});
