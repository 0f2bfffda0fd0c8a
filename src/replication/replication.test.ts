import { describe, expect, test } from 'vitest';
import { ArrayTable, Planet } from '../../test/kit/replication-planet.ts';
import { undemanding } from '../../test/kit/undemanding-levels.ts';
import { PERFECT_LINK } from '../../test/simulation/simulated-network.ts';
import type { Origin } from '../causality/index.ts';
import { createLocalNetwork } from '../runtime/index.ts';
import { startReplication } from './replication.ts';

const ABC = ['A', 'B', 'C'];
const has = (planet: Planet, name: string, origin: Origin, n: number) => (): boolean =>
  planet.partition(name).vector.get(origin) >= n;

// --- what it must do -------------------------------------------------------------------------------------

describe('streams', () => {
  test('a new entry reaches all in one network delay, and the origin learns so in another', async () => {
    const planet = await Planet.start({ names: ABC, latencyMs: 100, diskMs: 1 });
    await planet.run(5_000);
    planet.write('A');
    await planet.until(has(planet, 'A', 1, 1));
    const arrivedMs = await planet.until(() => has(planet, 'B', 1, 1)() && has(planet, 'C', 1, 1)());
    expect(arrivedMs).toBeLessThan(103);
    const isKnown = (origin: Origin): boolean =>
      (planet.replication('A').reports(1).get(origin)?.get(1) ?? 0) >= 1;
    expect(await planet.until(() => isKnown(2) && isKnown(3))).toBeLessThan(103);
    await planet.until(() => planet.isConverged(), 1_000);
  });

  test('a busy region sends batches, an idle one sends next to nothing', async () => {
    const planet = await Planet.start({ names: ABC, latencyMs: 10 });
    await planet.run(3_000);
    planet.frames = 0;
    for (let n = 0; n < 2_000; n++) planet.write('A');
    await planet.until(() => planet.isConverged());
    // Two pullers, 2,000 entries each: frames for entries and for reports together.
    expect(planet.frames).toBeLessThan(400);
    planet.frames = 0;
    await planet.run(10_000);
    // Six sessions with two questions and answers a second.
    expect(planet.frames).toBeLessThan(300);
  });

  test('writes that follow each other closely share frames, and none waits long for that', async () => {
    const planet = await Planet.start({ names: ABC, latencyMs: 5, diskMs: 0.1 });
    await planet.run(3_000);
    planet.frames = 0;
    for (let n = 0; n < 1_000; n++) {
      planet.write('A');
      await planet.run(0.2);
    }
    // Two pullers, 200 ms: a frame of entries and two reports for each 2 ms, or five times as many.
    expect(planet.frames).toBeLessThan(800);
    await planet.until(has(planet, 'B', 1, 1_000), 8);
  });

  test('resuming after a cut sends only what is missing', async () => {
    const planet = await Planet.start({ names: ['A', 'B'] });
    for (let n = 0; n < 3_000; n++) planet.write('A');
    await planet.until(() => planet.isConverged());
    const cut = planet.links.add({ kind: 'cut', from: 'A', to: 'B', direction: 'both' });
    await planet.run(10_000);
    expect(planet.replication('B').status().peers[0]?.isConnected).toBe(false);
    for (let n = 0; n < 10; n++) planet.write('A');
    await planet.run(1_000);
    planet.links.remove(cut);
    await planet.until(() => planet.isConverged(), 3_000);
    expect(planet.replication('A').status().peers[0]?.entriesSent).toBe(10);
  });

  test('partitions that appear later are streamed, dropped ones forgotten', async () => {
    const planet = await Planet.start({ names: ['A', 'B'] });
    await planet.run(1_000);
    planet.region('A').table.open(7);
    planet.write('A', 7);
    await planet.run(200);
    planet.region('B').table.open(7);
    planet.region('B').table.open(8);
    planet.write('B', 8);
    await planet.run(200);
    planet.region('A').table.open(8);
    expect(await planet.until(() => planet.isConverged())).toBeLessThan(600);
    expect(planet.partition('B', 7).tail()).toBe(1);
    planet.write('A', 7, 1_000);
    planet.region('B').table.drop(7);
    planet.region('A').table.drop(7);
    await planet.until(() => planet.isConverged());
    expect(planet.replication('A').reports(7).size).toBe(0);
    expect(planet.failures).toEqual([]);
  });

  test('a log that was trimmed past a puller says so instead of leaving a gap', async () => {
    const planet = new Planet({ names: ['A', 'B'], partitions: 2 });
    await planet.startRegion(planet.region('A'));
    for (let n = 0; n < 40; n++) planet.write('A');
    planet.write('A', 2);
    await planet.run(1_000);
    planet.partition('A').head = 33;
    await planet.startRegion(planet.region('B'));
    await planet.until(() => planet.partition('B', 2).tail() === 1);
    await planet.run(1_000);
    expect(planet.replication('B').status().peers[0]?.unavailable).toEqual([1]);
    expect(planet.partition('B').tail()).toBe(0);
  });

  test('a log that cannot be read is reported, and streams go on when it can', async () => {
    const planet = await Planet.start({ names: ['A', 'B'] });
    await planet.run(500);
    const partition = planet.partition('A');
    const { read } = partition;
    partition.read = () => Promise.reject(new TypeError('disk on fire'));
    planet.write('A');
    await planet.run(3_000);
    expect(planet.failures.length).toBeGreaterThan(0);
    expect(planet.partition('B').tail()).toBe(0);
    partition.read = read;
    await planet.until(() => planet.isConverged());
    expect(planet.partition('B').tail()).toBe(1);
  });
});

describe('relaying', () => {
  test('with A and C cut apart, each gets the other by B, in causal order', async () => {
    const planet = await Planet.start({ names: ABC, latencyMs: 10 });
    await planet.run(1_000);
    planet.links.add({ kind: 'cut', from: 'A', to: 'C', direction: 'both' });
    planet.write('A');
    await planet.until(has(planet, 'B', 1, 1));
    planet.write('B'); // depends on A's write, which C cannot have from A
    await planet.until(() => has(planet, 'C', 2, 1)() && has(planet, 'C', 1, 1)(), 4_000);
    await planet.run(4_000);
    // Once the cut is known, the way round costs two network delays and no more.
    planet.write('A');
    await planet.until(has(planet, 'A', 1, 2));
    expect(await planet.until(has(planet, 'C', 1, 2))).toBeLessThan(25);
  });

  test('a chain of five converges, and its ends know how far each other is', async () => {
    const names = ['A', 'B', 'C', 'D', 'E'];
    const planet = await Planet.start({ names, latencyMs: 10, partitions: 3 });
    const chain = [
      ['A', 'B'],
      ['B', 'C'],
      ['C', 'D'],
      ['D', 'E'],
    ] as const;
    planet.connectOnly(chain);
    for (let round = 0; round < 50; round++) {
      for (const name of names) planet.write(name, planet.random.integer(1, 3));
      await planet.run(37);
    }
    await planet.until(() => planet.isConverged());
    const knows = (name: string, origin: Origin): boolean =>
      planet.replication(name).reports(1).get(origin)?.equals(planet.partition(name).vector) === true;
    await planet.until(() => knows('A', 5) && knows('E', 1) && knows('C', 1), 20_000);
  });

  test('a one-way cut is gone round too', async () => {
    const planet = await Planet.start({ names: ABC, latencyMs: 10 });
    planet.links.add({ kind: 'cut', from: 'A', to: 'B', direction: 'one' });
    for (const name of ABC) planet.write(name);
    await planet.until(() => planet.isEqual(), 10_000);
    expect(planet.replication('B').status().peers[0]).toMatchObject({ region: 'A', isConnected: false });
  });

  test("a lost region's writes live on in whoever had them", async () => {
    const planet = await Planet.start({ names: ABC });
    planet.links.add({ kind: 'cut', from: 'A', to: 'C', direction: 'both' });
    planet.links.add({ kind: 'cut', from: 'B', to: 'C', direction: 'both' });
    await planet.run(5_000);
    planet.write('A');
    await planet.until(has(planet, 'B', 1, 1));
    planet.crash('A');
    planet.links.clear();
    await planet.restart('A', { wiped: true });
    planet.write('A');
    await planet.until(() => planet.isConverged());
    expect(planet.partition('C').vector.toString()).toBe('1:1 101:1');
    expect(planet.partition('A').vector.toString()).toBe('1:1 101:1');
  });
});

describe('bounds', () => {
  test('a throttled link is fed at its own pace, with little queued before it', async () => {
    const planet = await Planet.start({ names: ['A', 'B'] });
    await planet.run(1_000);
    planet.links.add({ kind: 'throttle', from: 'A', to: 'B', entriesPerSecond: 10 });
    for (let n = 0; n < 2_000; n++) planet.write('A', 1, 1_000);
    let queuedBytesMax = 0;
    for (let second = 0; second < 40; second++) {
      await planet.run(1_000);
      const peer = planet.replication('A').status().peers[0];
      queuedBytesMax = Math.max(queuedBytesMax, peer?.unacknowledgedBytes ?? 0);
      expect(peer?.isPulling).toBe(true);
    }
    const arrived = planet.partition('B').tail();
    expect(arrived).toBeGreaterThan(380);
    expect(arrived).toBeLessThan(440);
    expect(queuedBytesMax).toBeLessThan(64 * 1024);
    expect(planet.replication('B').lag(1).get('A')?.operations).toBeGreaterThan(1_000);
    planet.links.clear();
    await planet.until(() => planet.isConverged(), 5_000);
    expect(planet.replication('B').lag(1).get('A')).toEqual({ operations: 0, ms: 0 });
  });

  test('a region that cannot keep up holds no more than a window in memory', async () => {
    const planet = await Planet.start({ names: ['A', 'B'] });
    for (let n = 0; n < 1_000; n++) planet.write('A', 1, 1_000);
    await planet.until(() => planet.isConverged());
    for (let n = 0; n < 20_000; n++) planet.write('A', 1, 1_000);
    planet.region('B').table.disk.delayMs = 700;
    let heldBytesMax = 0;
    for (let step = 0; step < 20; step++) {
      await planet.run(200);
      const { peers, waitingBytes } = planet.replication('B').status();
      heldBytesMax = Math.max(heldBytesMax, (peers[0]?.unreleasedBytes ?? 0) + waitingBytes);
    }
    expect(heldBytesMax).toBeGreaterThan(100_000);
    expect(heldBytesMax).toBeLessThan(4.5 * 1024 * 1024);
    planet.region('B').table.disk.delayMs = 1;
    await planet.until(() => planet.isConverged());
  });

  test('entries that wait for others are bounded by the windows, and come through in the end', async () => {
    const planet = await Planet.start({ names: ABC, latencyMs: 5, partitions: 4 });
    await planet.run(1_000);
    // C hears A at a trickle, while B, which hears everything, writes on top of it.
    planet.links.add({ kind: 'throttle', from: 'A', to: 'C', entriesPerSecond: 1 });
    planet.links.add({ kind: 'throttle', from: 'B', to: 'C', entriesPerSecond: 2_000 });
    let waitingBytesMax = 0;
    for (let round = 0; round < 300; round++) {
      for (let number = 1; number <= 4; number++) {
        for (let n = 0; n < 3; n++) planet.write('A', number, 2_000);
        for (let n = 0; n < 3; n++) planet.write('B', number, 2_000);
      }
      await planet.run(10);
      waitingBytesMax = Math.max(waitingBytesMax, planet.replication('C').status().waitingBytes);
    }
    expect(waitingBytesMax).toBeGreaterThan(0);
    expect(waitingBytesMax).toBeLessThan(16 * 1024 * 1024);
    await planet.until(() => planet.isConverged(), 60_000);
  });

  test('what a full window waits for is let in beside it', async () => {
    const planet = await Planet.start({ names: ABC, latencyMs: 5 });
    await planet.run(3_000);
    // The link from A to C lives, but hardly an entry passes; B has all of A's and builds on them.
    planet.links.add({ kind: 'throttle', from: 'A', to: 'C', entriesPerSecond: 0.01 });
    for (let n = 0; n < 50; n++) planet.write('A', 1, 2_000);
    await planet.until(has(planet, 'B', 1, 50));
    for (let n = 0; n < 500; n++) planet.write('B', 1, 2_000);
    await planet.until(has(planet, 'B', 2, 500));
    expect(await planet.until(() => planet.isEqual())).toBeLessThan(1_600);
  });

  test('thousands of idle partitions cost no traffic', async () => {
    const planet = await Planet.start({ names: ABC, partitions: 3_000 });
    await planet.run(3_000);
    planet.frameBytes = 0;
    await planet.run(10_000);
    expect(planet.frameBytes).toBeLessThan(8_000);
    planet.write('B', 2_999);
    expect(await planet.until(() => planet.partition('C', 2_999).tail() === 1)).toBeLessThan(10);
  });
});

describe('trouble', () => {
  test('a stopped region says and hears nothing, and catches up when it goes on', async () => {
    const planet = await Planet.start({ names: ABC });
    await planet.run(1_000);
    planet.replication('B').pause();
    planet.write('A');
    planet.write('B');
    await planet.run(20_000);
    expect(planet.partition('B').vector.get(1)).toBe(0);
    expect(planet.partition('A').vector.get(2)).toBe(0);
    expect(planet.replication('A').status().peers[0]).toMatchObject({
      region: 'B',
      isConnected: false,
      isPulling: false,
    });
    planet.replication('B').resume();
    await planet.until(() => planet.isConverged(), 5_000);
  });

  test('an isolated region converges soon after it is let back', async () => {
    const planet = await Planet.start({ names: ABC, latencyMs: 20 });
    const isolation = planet.links.add({ kind: 'isolate', region: 'C' });
    for (let n = 0; n < 100; n++) for (const name of ABC) planet.write(name);
    await planet.run(60_000);
    expect(planet.partition('C').vector.toString()).toBe('3:100');
    planet.links.remove(isolation);
    expect(await planet.until(() => planet.isConverged())).toBeLessThan(3_000);
  });

  test('a puller that comes again has given up its session before, heard or not', async () => {
    const planet = await Planet.start({ names: ['A', 'B'] });
    for (let n = 0; n < 100; n++) planet.write('A');
    await planet.until(() => planet.isConverged());
    const cut = planet.links.add({ kind: 'cut', from: 'B', to: 'A', direction: 'one' });
    planet.crash('B');
    planet.links.remove(cut);
    await planet.restart('B');
    await planet.until(() => planet.replication('B').status().peers[0]?.isConnected === true, 500);
    expect(planet.replication('A').status().peers[0]).toMatchObject({ isPulling: true, entriesSent: 0 });
  });

  test('a region that is a member no more gets nothing further', async () => {
    const planet = await Planet.start({ names: ABC });
    await planet.run(1_000);
    planet.removed.add('C');
    for (const name of ['A', 'B']) planet.replication(name).membersChanged();
    planet.write('A');
    await planet.run(5_000);
    expect(planet.partition('B').tail()).toBe(1);
    expect(planet.partition('C').tail()).toBe(0);
    expect(planet.replication('A').reports(1).has(3)).toBe(false);
    planet.removed.delete('C');
    for (const name of ['A', 'B']) planet.replication(name).membersChanged();
    await planet.until(() => planet.isConverged(), 3_000);
  });

  test('regions of different accounts and strangers are refused', async () => {
    const planet = await Planet.start({ names: ['A', 'B'] });
    const stranger = planet.runtime.forRegion('X');
    const table = new ArrayTable(9, { machine: stranger, delayMs: 1 }, new Map([[1, []]]));
    const replication = await startReplication({
      runtime: stranger,
      network: planet.links.network('X', createLocalNetwork(stranger), (address) => address),
      account: 'other',
      epoch: () => 1,
      self: { region: 'X', origin: 9 },
      listenAddress: 'X',
      members: () => planet.members(),
      retired: () => [],
      table,
      levels: undemanding(stranger, table, 9),
      onFailure: (error) => planet.failures.push(error),
    });
    planet.write('A');
    await planet.run(5_000);
    expect(replication.status().peers.every((peer) => !peer.isConnected)).toBe(true);
    await replication.close();
  });

  const seeds = Array.from({ length: 12 }, (_, seed) => seed);
  test.each(seeds)('links that cut, delay, repeat and reorder, regions that crash: seed %i', async (seed) => {
    const names = ['A', 'B', 'C', 'D', 'E'].slice(0, 3 + (seed % 3));
    const planet = await Planet.start({
      names,
      seed,
      partitions: 4,
      latencyMs: 1 + (seed % 4) * 30,
      diskMs: seed % 5,
    });
    await storm(planet, 40);
    planet.links.clear();
    await planet.until(() => planet.isConverged(), 20_000);
    expect(planet.failures).toEqual([]);
  });

  test.each(seeds)('a network that loses frames: seed %i', async (seed) => {
    const names = ['A', 'B', 'C', 'D'].slice(0, 3 + (seed % 2));
    const lossy = { delayMs: 20, jitterMs: 30, loss: 0.05, duplicate: 0.2, reorder: 0.2 };
    const planet = await Planet.start({ names, seed, partitions: 3, lossy });
    await storm(planet, 40);
    planet.simulated.healAll();
    planet.simulated.setAllLinks(PERFECT_LINK);
    await planet.until(() => planet.isConverged(), 20_000);
    expect(planet.simulated.counts.lost).toBeGreaterThan(0);
    expect(planet.failures).toEqual([]);
  });
});

/** Random writes among random faults. */
async function storm(planet: Planet, rounds: number): Promise<void> {
  const names = [...planet.regions.keys()];
  const { random } = planet;
  const down = new Set<string>();
  for (let round = 0; round < rounds; round++) {
    for (let n = random.integer(0, 20); n > 0; n--) {
      planet.write(random.pick(names), random.integer(1, 3), random.integer(10, 3_000));
    }
    const [from, to] = random.shuffled(names) as [string, string];
    const chance = random.next();
    if (chance < 0.25) {
      planet.links.add({ kind: 'cut', from, to, direction: random.pick(['one', 'both']) });
      planet.simulated.cut(from, to);
    } else if (chance < 0.35) planet.links.add({ kind: 'duplicate', from, to, probability: 0.3 });
    else if (chance < 0.45) planet.links.add({ kind: 'reorder', from, to, probability: 0.3 });
    else if (chance < 0.55) planet.links.add({ kind: 'delay', from, to, ms: 300, jitterMs: 200 });
    else if (chance < 0.6) planet.links.add({ kind: 'isolate', region: from });
    else if (chance < 0.65) planet.links.add({ kind: 'throttle', from, to, entriesPerSecond: 20 });
    else if (chance < 0.72 && down.size === 0) {
      planet.crash(from);
      down.add(from);
    } else if (chance < 0.8) {
      for (const name of down) await planet.restart(name);
      down.clear();
    } else if (chance < 0.9) {
      planet.links.clear();
      planet.simulated.healAll();
    }
    await planet.run(random.logarithmic(1, 3_000));
  }
  for (const name of down) await planet.restart(name);
}
