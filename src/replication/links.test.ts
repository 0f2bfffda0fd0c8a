import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../test/simulation/seeded-random.ts';
import { SimulatedRuntime } from '../../test/simulation/simulated-runtime.ts';
import { Trace } from '../../test/simulation/trace.ts';
import { type Channel, createLocalNetwork } from '../runtime/index.ts';
import { LinkConditions } from './links.ts';
import { encodeEntries, encodeMessage } from './wire.ts';

/** Regions A, B and C that listen under their names; what B receives is noted with its time. */
async function world(options: { seed?: number; latencyMs?: (from: string, to: string) => number } = {}) {
  const runtime = new SimulatedRuntime({ random: new SeededRandom(options.seed ?? 1), trace: new Trace() });
  const machine = runtime.forRegion('wire');
  const links = new LinkConditions({ runtime: machine, ...options });
  const local = createLocalNetwork(machine);
  const received: { text: string; atMs: number }[] = [];
  const closed: string[] = [];
  const accepted: Channel[] = [];
  for (const region of ['A', 'B', 'C']) {
    await links
      .network(region, local, (address) => address)
      .listen(region, (channel) => {
        accepted.push(channel);
        channel.onFrame((frame) => received.push({ text: frame.toString(), atMs: runtime.elapsedMs }));
        channel.onClose(() => closed.push(region));
      });
  }
  const connect = async (from: string, to: string): Promise<Channel> => {
    let channel: Channel | undefined;
    let error: unknown;
    links
      .network(from, local, (address) => address)
      .connect(to)
      .then(
        (opened) => {
          channel = opened;
        },
        (reason: unknown) => {
          error = reason;
        },
      );
    await runtime.run({
      untilMs: runtime.elapsedMs + 2_000,
      isDone: () => channel !== undefined || error !== undefined,
    });
    if (channel === undefined) throw error;
    return channel;
  };
  const run = (ms: number): Promise<void> => runtime.run({ untilMs: runtime.elapsedMs + ms });
  const texts = (): string[] => received.map(({ text }) => text);
  return { runtime, links, local, connect, run, received, texts, closed, accepted };
}

const bytes = (text: string): Buffer => Buffer.from(text);
const digits = [...'0123456789'];

test('a channel that never says who opened it is closed, one that does stays', async () => {
  const { local, connect, run, accepted, closed, runtime } = await world();
  let isClosed = false;
  void local.connect('B').then((channel) => {
    channel.onClose(() => {
      isClosed = true;
    });
  });
  await connect('A', 'B');
  await run(9_000);
  expect(isClosed).toBe(false);
  await run(2_000);
  expect(isClosed).toBe(true);
  expect([accepted.length, closed]).toEqual([1, []]);
  expect(runtime.elapsedMs).toBe(11_000);
});

describe('time', () => {
  test('without faults or latency frames pass at once', async () => {
    const { connect, run, received } = await world();
    const channel = await connect('A', 'B');
    await run(0);
    channel.send(bytes('x'));
    expect(channel.queuedBytes).toBe(1);
    await run(0);
    expect(received).toEqual([{ text: 'x', atMs: 0 }]);
  });

  test('latency is per direction, in both of a channel', async () => {
    const { connect, run, received, accepted, runtime } = await world({
      latencyMs: (from) => (from === 'A' ? 40 : 70),
    });
    const channel = await connect('A', 'B');
    channel.send(bytes('there'));
    await run(100);
    let backAtMs = 0;
    channel.onFrame(() => {
      backAtMs = runtime.elapsedMs;
    });
    accepted[0]?.send(bytes('back'));
    await run(100);
    expect(received).toEqual([{ text: 'there', atMs: 40 }]);
    expect(backAtMs).toBe(170);
  });

  test('delay and jitter keep the order, and end with the fault', async () => {
    const { connect, links, run, texts, received } = await world();
    const channel = await connect('A', 'B');
    const id = links.add({ kind: 'delay', from: 'A', to: 'B', ms: 100, jitterMs: 400 });
    for (const digit of digits) channel.send(bytes(digit));
    await run(99);
    expect(received).toEqual([]);
    expect(channel.queuedBytes).toBe(10);
    await run(401);
    expect(texts()).toEqual(digits);
    expect(new Set(received.map(({ atMs }) => atMs)).size).toBeGreaterThan(1);
    links.add({ kind: 'delay', from: 'A', to: 'B', ms: 60_000 });
    channel.send(bytes('late'));
    await run(10);
    expect(links.remove(id)).toBe(true);
    links.clear();
    await run(1);
    expect(texts().at(-1)).toBe('late');
  });

  test('a throttle counts entries, holds frames in order, and lets all others pass', async () => {
    const { connect, links, run, received } = await world();
    const channel = await connect('A', 'B');
    links.add({ kind: 'throttle', from: 'A', to: 'B', entriesPerSecond: 4 });
    const entries = (count: number): Buffer =>
      encodeEntries(1, [{ partition: 1, entries: Array.from({ length: count }, () => bytes('e')) }]);
    for (const count of [2, 4, 1]) channel.send(entries(count));
    channel.send(encodeMessage(1, { kind: 'want', origins: [] }));
    await run(10_000);
    expect(received.map(({ atMs }) => atMs)).toEqual([0, 0, 500, 1_500]);
    expect(received[1]?.text.length).toBeLessThan(10);
  });

  test('two channels of one link share the throttle', async () => {
    const { connect, links, run, received } = await world();
    const channels = [await connect('A', 'B'), await connect('A', 'B')];
    links.add({ kind: 'throttle', from: 'A', to: 'B', entriesPerSecond: 1 });
    for (const channel of channels) channel.send(encodeEntries(1, [{ partition: 1, entries: [bytes('e')] }]));
    await run(10_000);
    expect(received.map(({ atMs }) => atMs)).toEqual([0, 1_000]);
  });
});

describe('disorder', () => {
  test('duplicates come besides the original', async () => {
    const { connect, links, run, texts } = await world();
    const channel = await connect('A', 'B');
    links.add({ kind: 'duplicate', from: 'A', to: 'B', probability: 1 });
    for (const digit of digits) channel.send(bytes(digit));
    await run(1_000);
    expect(texts().toSorted()).toEqual([...digits, ...digits].toSorted());
  });

  test('reordering loses nothing', async () => {
    const { connect, links, run, texts } = await world();
    const channel = await connect('A', 'B');
    links.add({ kind: 'reorder', from: 'A', to: 'B', probability: 0.5 });
    for (const digit of digits) channel.send(bytes(digit));
    await run(1_000);
    expect(texts()).not.toEqual(digits);
    expect(texts().toSorted()).toEqual(digits);
  });

  test('chance comes from the runtime only: one seed, one story', async () => {
    const story = async (seed: number): Promise<unknown> => {
      const { connect, links, run, received } = await world({ seed });
      const channel = await connect('A', 'B');
      links.add({ kind: 'reorder', from: 'A', to: 'B', probability: 0.5 });
      for (const digit of digits) channel.send(bytes(digit));
      await run(1_000);
      return received;
    };
    expect(await story(5)).toEqual(await story(5));
    expect(await story(5)).not.toEqual(await story(6));
  });
});

describe('cuts', () => {
  test('frames vanish silently, also those under way; a channel that lost some closes later', async () => {
    const { connect, links, run, received, closed, accepted } = await world({ latencyMs: () => 20 });
    const channel = await connect('A', 'B');
    let hasClosed = false;
    channel.onClose(() => {
      hasClosed = true;
    });
    channel.send(bytes('under way'));
    const id = links.add({ kind: 'cut', from: 'A', to: 'B', direction: 'one' });
    channel.send(bytes('lost'));
    await run(5_000);
    expect(received).toEqual([]);
    expect(hasClosed).toBe(false);
    const back: string[] = [];
    channel.onFrame((frame) => back.push(frame.toString()));
    accepted[0]?.send(bytes('the other way'));
    await run(100);
    expect(back).toEqual(['the other way']);
    links.remove(id);
    channel.send(bytes('again'));
    await run(100);
    expect(received).toEqual([]);
    expect(hasClosed).toBe(true);
    expect(closed).toEqual(['B']);
  });

  test('nobody connects over a cut, whichever way it is', async () => {
    const { connect, links, runtime } = await world();
    links.add({ kind: 'cut', from: 'B', to: 'A', direction: 'one' });
    await expect(connect('A', 'B')).rejects.toThrow(/no answer from B/);
    expect(runtime.elapsedMs).toBe(1_000);
    await expect(connect('A', 'C')).resolves.toBeDefined();
  });

  test('the other side does not hear of a close either, until the link is back', async () => {
    const { connect, links, run, closed } = await world();
    const channel = await connect('A', 'B');
    links.add({ kind: 'isolate', region: 'A' });
    channel.close();
    await run(10_000);
    expect(closed).toEqual([]);
    links.clear();
    await run(2_000);
    expect(closed).toEqual(['B']);
  });

  test('isolation cuts every link of one region and no other', async () => {
    const { links } = await world();
    links.add({ kind: 'isolate', region: 'A' });
    const pairs = ['A', 'B', 'C'].flatMap((from) => ['A', 'B', 'C'].map((to) => [from, to] as const));
    const cut = pairs.filter(([from, to]) => links.isCut(from, to)).map((pair) => pair.join(''));
    expect(cut).toEqual(['AB', 'AC', 'BA', 'CA']);
  });
});

test('faults are values with ids; those of one link add up', async () => {
  const { links, connect, run, received } = await world();
  const first = links.add({ kind: 'delay', from: 'A', to: 'B', ms: 10 });
  const second = links.add({ kind: 'delay', from: 'A', to: 'B', ms: 20 }, 'mine');
  links.add({ kind: 'delay', from: 'B', to: 'A', ms: 500 });
  expect(second).toBe('mine');
  expect(links.list()).toHaveLength(3);
  expect(links.list()[0]).toEqual({ id: first, fault: { kind: 'delay', from: 'A', to: 'B', ms: 10 } });
  expect(links.remove('unknown')).toBe(false);
  const channel = await connect('A', 'B');
  channel.send(bytes('x'));
  await run(100);
  expect(received[0]?.atMs).toBe(30);
});
