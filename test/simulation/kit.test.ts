import { describe, expect, test } from 'vitest';
import { type Channel, sleep } from '../../src/runtime/index.ts';
import { SeededRandom } from './seeded-random.ts';
import { PERFECT_LINK, SimulatedNetwork } from './simulated-network.ts';
import { SimulatedRuntime } from './simulated-runtime.ts';
import { Trace } from './trace.ts';

function world(seed = 1) {
  const random = new SeededRandom(seed);
  const trace = new Trace();
  const runtime = new SimulatedRuntime({ random: random.split('runtime'), trace });
  const network = new SimulatedNetwork({ runtime, random: random.split('network') });
  const [a, b] = [runtime.forRegion('A'), runtime.forRegion('B')];
  return { runtime, network, trace, a, b, random };
}

describe('time', () => {
  test('events happen in order of time, then of planning, and promise jobs end in between', async () => {
    const { runtime, a, b } = world();
    const seen: string[] = [];
    a.after(10, () => seen.push('ten'));
    b.after(5, () => {
      seen.push('five');
      void (async () => {
        for (let job = 0; job < 50; job++) await null;
        seen.push('jobs of five');
      })();
      a.soon(() => seen.push('soon'));
    });
    a.after(5, () => seen.push('five again'));
    await runtime.run({ untilMs: 100 });
    expect(seen).toEqual(['five', 'jobs of five', 'five again', 'soon', 'ten']);
    expect(runtime.elapsedMs).toBe(100);
  });

  test('a year of waiting costs nothing', async () => {
    const { runtime, a } = world();
    let days = 0;
    void (async () => {
      for (; days < 365; days++) await sleep(a, 86_400_000);
    })();
    await runtime.run({ untilMs: Number.POSITIVE_INFINITY });
    expect(days).toBe(365);
  });

  test('clocks of machines are their own: skew moves the wall clock, drift moves all', async () => {
    const { runtime, a, b } = world();
    const start = b.nowMs();
    a.setSkew(60_000);
    a.setDrift(100_000); // a tenth faster
    let firedAtMs = 0;
    a.after(1_100, () => {
      firedAtMs = runtime.elapsedMs;
    });
    await runtime.run({ untilMs: 2_000 });
    expect(b.nowMs() - start).toBe(2_000);
    expect(a.nowMs() - start).toBe(62_200);
    expect(a.monotonicMs()).toBeCloseTo(2_200);
    expect(firedAtMs).toBeCloseTo(1_000);
    const before = a.monotonicMs();
    a.setDrift(0);
    expect(a.monotonicMs()).toBe(before);
  });

  test('a halted machine does nothing more; a paused one does it later, in order', async () => {
    const { runtime, a, b } = world();
    const seen: string[] = [];
    for (const ms of [1, 2, 3]) {
      a.after(ms, () => seen.push(`a${ms}`));
      b.after(ms, () => seen.push(`b${ms}`));
    }
    a.halt();
    b.pause();
    await runtime.run({ untilMs: 10 });
    expect(seen).toEqual([]);
    b.resume();
    await runtime.run({ untilMs: 10 });
    expect(seen).toEqual(['b1', 'b2', 'b3']);
  });

  test('time goes on however little of a wait is left', async () => {
    const { runtime, a } = world();
    await runtime.run({ untilMs: 1_000_000.1 });
    let waits = 0;
    const wait = (): void => {
      waits += 1;
      // So little that a clock which shows a million milliseconds cannot add it.
      if (runtime.elapsedMs === 1_000_000.1) a.after(1e-11, wait);
    };
    wait();
    await runtime.run({ untilMs: 2_000_000 });
    expect(waits).toBe(2);
  });

  test('a moment that does not end is a failure', async () => {
    const { runtime, b } = world();
    const again = (): void => b.soon(again);
    again();
    await expect(runtime.run({ untilMs: 10 })).rejects.toThrow('time stands still at 0 ms: soon of B');
  });

  test('what an event throws reaches the driver', async () => {
    const { runtime, a } = world();
    a.after(1, () => {
      throw new RangeError('boom');
    });
    await expect(runtime.run({ untilMs: 10 })).rejects.toThrow('boom');
  });
});

describe('chance', () => {
  test('streams of one name agree, of other names differ, and do not disturb each other', () => {
    const draw = (random: SeededRandom) => Array.from({ length: 5 }, () => random.next());
    const root = new SeededRandom(7);
    const first = draw(root.split('x'));
    root.next();
    expect(draw(root.split('x'))).toEqual(first);
    expect(draw(root.split('y'))).not.toEqual(first);
    expect(draw(new SeededRandom(8).split('x'))).not.toEqual(first);
  });

  test('is fair enough', () => {
    const random = new SeededRandom('fair');
    const counts = new Array<number>(10).fill(0);
    for (let i = 0; i < 100_000; i++) {
      const place = random.integer(0, 9);
      counts[place] = (counts[place] ?? 0) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
    expect(random.shuffled([1, 2, 3, 4]).sort()).toEqual([1, 2, 3, 4]);
    expect(random.uuid()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });
});

describe('network', () => {
  /** B listens and keeps what it gets; A is connected. */
  async function connected(options: ReturnType<typeof world> = world()) {
    const { runtime, network, a, b } = options;
    const got: string[] = [];
    let far: Channel | undefined;
    const closed: string[] = [];
    await network.forRegion(b).listen('b:1', (channel) => {
      far = channel;
      channel.onFrame((frame) => got.push(frame.toString()));
      channel.onClose(() => closed.push('B'));
    });
    const pending = network.forRegion(a).connect('b:1');
    await runtime.run({ untilMs: runtime.elapsedMs + 1_000 });
    const near = await pending;
    near.onClose(() => closed.push('A'));
    if (far === undefined) throw new Error('B accepted before A was told so');
    const pass = (ms = 10_000) => runtime.run({ untilMs: runtime.elapsedMs + ms });
    return { ...options, near, far, got, closed, pass };
  }

  test('frames arrive whole, in order, and later than they were sent', async () => {
    const { network, near, got, pass } = await connected();
    network.setAllLinks({ ...PERFECT_LINK, delayMs: 20, jitterMs: 50 });
    for (let n = 0; n < 20; n++) near.send(Buffer.from(String(n)));
    expect(near.queuedBytes).toBe(30);
    await pass(19);
    expect(got).toEqual([]);
    await pass();
    expect(got).toEqual(Array.from({ length: 20 }, (_, n) => String(n)));
    expect(near.queuedBytes).toBe(0);
  });

  test('frames are copies', async () => {
    const { near, got, pass } = await connected();
    const frame = Buffer.from('sent');
    near.send(frame);
    frame.write('torn');
    await pass();
    expect(got).toEqual(['sent']);
  });

  test('frames that come before the handler wait for it', async () => {
    const { runtime, network, a, b } = world();
    let far: Channel | undefined;
    await network.forRegion(b).listen('b:1', (channel) => {
      far = channel;
    });
    const pending = network.forRegion(a).connect('b:1');
    await runtime.run({ untilMs: 100 });
    (await pending).send(Buffer.from('early'));
    await runtime.run({ untilMs: 200 });
    const got: string[] = [];
    far?.onFrame((frame) => got.push(frame.toString()));
    await runtime.run({ untilMs: 300 });
    expect(got).toEqual(['early']);
  });

  test('loss, repetition and reordering strike at their rates, and are counted', async () => {
    const { network, near, got, pass } = await connected();
    network.setAllLinks({ delayMs: 1, jitterMs: 0, loss: 0.2, duplicate: 0.2, reorder: 0.2 });
    for (let n = 0; n < 1000; n++) near.send(Buffer.from(String(n)));
    await pass();
    const { lost, duplicated, reordered } = network.counts;
    for (const count of [lost, duplicated]) expect(Math.abs(count - 200)).toBeLessThan(60);
    expect(reordered).toBeGreaterThan(100);
    expect(got.length).toBe(1000 - lost + duplicated);
    expect(got).not.toEqual([...got].sort((x, y) => Number(x) - Number(y)));
  });

  test('a cut swallows one direction in silence, until it heals', async () => {
    const { network, near, far, got, closed, pass } = await connected();
    const back: string[] = [];
    near.onFrame((frame) => back.push(frame.toString()));
    network.cut('A', 'B');
    near.send(Buffer.from('lost'));
    far.send(Buffer.from('heard'));
    await pass();
    network.heal('A', 'B');
    near.send(Buffer.from('after'));
    await pass();
    expect([got, back, closed]).toEqual([['after'], ['heard'], []]);
    expect(network.counts.swallowed).toBe(1);
  });

  test('closing tells the other side, after the frames sent before', async () => {
    const { near, got, closed, pass } = await connected();
    near.send(Buffer.from('last words'));
    near.close();
    near.send(Buffer.from('from the grave'));
    await pass();
    expect([got, closed]).toEqual([['last words'], ['B']]);
  });

  test('a crash closes what it can; behind a cut it is noticed with the first frame after', async () => {
    const first = await connected();
    first.network.crash(first.b);
    first.b.halt();
    await first.pass();
    expect(first.closed).toEqual(['A']);

    const second = await connected();
    second.network.cut('B', 'A');
    second.network.crash(second.b);
    second.b.halt();
    await second.pass();
    expect(second.closed).toEqual([]);
    second.network.healAll();
    second.near.send(Buffer.from('anybody there?'));
    await second.pass();
    expect([second.closed, second.got]).toEqual([['A'], []]);
  });

  test('connecting is refused where nobody listens, behind a cut, and after a crash', async () => {
    const { runtime, network, a, b } = world();
    await network.forRegion(b).listen('b:1', () => undefined);
    const failures: string[] = [];
    const tryTo = async (address: string) => {
      network
        .forRegion(a)
        .connect(address)
        .catch((error: unknown) => failures.push(String(error)));
      await runtime.run({ untilMs: runtime.elapsedMs + 10_000 });
    };
    await tryTo('nowhere:1');
    network.cut('A', 'B');
    await tryTo('b:1');
    network.healAll();
    network.crash(b);
    await tryTo('b:1');
    expect(failures.length).toBe(3);
  });

  test('a broken channel is heard of on both sides', async () => {
    const { network, near, got, closed, pass } = await connected();
    near.send(Buffer.from('under way'));
    network.breakChannels('A', 'B');
    await pass();
    expect([got, closed.sort()]).toEqual([[], ['A', 'B']]);
  });

  test('one seed, one story', async () => {
    const story = async (seed: number) => {
      const all = await connected(world(seed));
      all.network.setAllLinks({ delayMs: 5, jitterMs: 20, loss: 0.1, duplicate: 0.1, reorder: 0.1 });
      for (let n = 0; n < 100; n++) all.near.send(Buffer.from(all.a.uuid()));
      await all.pass();
      return all.trace.digest();
    };
    expect(await story(3)).toBe(await story(3));
    expect(await story(3)).not.toBe(await story(4));
  });
});
