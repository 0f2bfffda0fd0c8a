import { expect, test } from 'vitest';
import { PartitionNode } from '../../test/kit/partition-node.ts';
import { createNodeRuntime } from '../runtime/index.ts';
import type { Store, StoreCursor, StoreSnapshot } from '../store/index.ts';
import { dueNumbers } from './expiry.ts';
import { buildExpiryIndex } from './expiry-index.ts';
import type { Intent } from './intent.ts';
import { itemKey } from './item-key.ts';

const NUMBER = 3;
const KEY = itemKey('0A', 'i');
const put = (text: string): Intent => ({
  kind: 'put',
  priority: undefined,
  render: () => ({ body: Buffer.from(`{"id":"i","v":"${text}"}`) }),
});

/** A store in which something happens once after documents were read. */
function interrupted(store: Store, meanwhile: () => Promise<void>): Store {
  let isOver = false;
  const cursorOf = (cursor: StoreCursor): StoreCursor => ({
    next: async (limit) => {
      const pairs = await cursor.next(limit);
      if (!isOver) {
        isOver = true;
        await meanwhile();
      }
      return pairs;
    },
    close: () => cursor.close(),
  });
  const snapshotOf = (snapshot: StoreSnapshot): StoreSnapshot => ({
    get: (key) => snapshot.get(key),
    getMany: (keys) => snapshot.getMany(keys),
    scan: (range) => cursorOf(snapshot.scan(range)),
    close: () => snapshot.close(),
  });
  return Object.assign(Object.create(store) as Store, {
    get: store.get.bind(store),
    batch: store.batch.bind(store),
    clear: store.clear.bind(store),
    snapshot: () => snapshotOf(store.snapshot()),
  });
}

test('an item that is renewed while deadlines are put in order stands at its new one only', async () => {
  const [west, east] = [
    await PartitionNode.open({ number: NUMBER, origin: 1 }),
    await PartitionNode.open({ number: NUMBER, origin: 2 }),
  ];
  await west.partition.write(KEY, () => put('first of West'));
  await east.partition.receive(await west.partition.read(1, 1 << 20));
  await new Promise((resolve) => setTimeout(resolve, 20));
  // The first write of its region too.
  await east.partition.write(KEY, () => put('first of East'));
  await west.host.drain();
  const store = interrupted(west.store, async () => {
    await west.partition.receive(await east.partition.read(1, 1 << 20));
    await west.host.drain();
  });
  await buildExpiryIndex({ partition: west.partition, store, batchEnd: async () => undefined });
  const snapshot = west.store.snapshot();
  const request = { defaultTtl: 1, nowMs: Date.now() + 60_000 };
  expect(await dueNumbers(snapshot, NUMBER, request), 'each item has one deadline').toHaveLength(1);
  await snapshot.close();
});

test('expired items that carry more conflicts along than fit one entry go in several', async () => {
  const real = createNodeRuntime({ timersHoldProcess: true });
  let aheadMs = 0;
  const runtime = { ...real, nowMs: () => real.nowMs() + aheadMs };
  const [west, east] = [
    await PartitionNode.open({ number: NUMBER, origin: 1, host: { runtime } }),
    await PartitionNode.open({ number: NUMBER, origin: 2 }),
  ];
  const { host, partition } = west;
  await host.setDefaultTtl(partition, 10);
  const kept = { ...put('x'.repeat(2 << 20)), keeps: true } as Intent;
  const keys = [...Array(10).keys()].map((n) => itemKey('0A', `i${n}`));
  for (const key of keys) {
    await east.partition.write(key, () => kept);
    await partition.write(key, () => kept);
  }
  for (const [at] of keys.entries()) await partition.receive(await east.partition.read(at + 1, 1));
  await host.drain();
  aheadMs = 60_000;
  const before = partition.tail();
  await host.collect(
    () => partition.vector,
    () => true,
    () => [],
  );
  expect(keys.map((key) => partition.lookup(key)?.visible)).toEqual(keys.map(() => undefined));
  expect(partition.tail() - before).toBeGreaterThan(1);
});
