import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { StoredPut } from '../merge/index.ts';
import { type HeldItem, ItemCache, type PartitionCache } from './item-cache.ts';
import { itemKey } from './item-key.ts';

const key = (n: number) => itemKey('AA', `item ${n}`);

function put(n: number, bytes: number, lsn: number): StoredPut {
  const body = Buffer.alloc(bytes, `${n}:${lsn} `);
  const dot = { origin: 3, n: lsn };
  return { dot, time: lsn, incarnation: n * 1024 + 3, priority: undefined, ttl: undefined, body };
}

function held(n: number, bytes = 100, lsn = 1, marks: Partial<StoredPut> = {}): HeldItem {
  const visible = { ...put(n, bytes, lsn), ...marks };
  return { key: key(n), state: { siblings: [visible], dead: [] }, visible, lsn };
}

/** Three times: packed, read from its slab, and read as it is kept from then on. */
function expectKept(cache: PartitionCache, item: HeldItem): void {
  for (let reading = 0; reading < 3; reading++) {
    expect(cache.get(item.key)).toEqual(item);
    expect(cache.getByNumber(item.visible?.incarnation ?? 0)).toEqual(item);
  }
}

test('what is packed comes back as it was', () => {
  const cache = new ItemCache(1 << 20).forPartition();
  const base = { origin: 2, n: 5 };
  const items = [
    held(1),
    held(2, 0),
    held(3, 500, 7, { priority: -1.5, ttl: 60 }),
    held(4, 500, 7, { keeps: true, isUnindexed: true, ttl: -1 }),
    held(5, 500, 7, { patch: { base, context: undefined, merged: undefined } }),
    held(6, 100_000),
  ];
  for (const item of items) cache.pack(item);
  for (const item of items) expectKept(cache, item);
});

test('what is more than one settled write is kept as it is', () => {
  const cache = new ItemCache(1 << 20).forPartition();
  const item = held(1);
  const deleted = { key: key(2), state: { siblings: [], dead: [] }, visible: undefined, lsn: 4 };
  const sibling = { ...put(3, 10, 8), dot: { origin: 4, n: 1 } };
  const contested = { ...held(3), state: { siblings: [...held(3).state.siblings, sibling], dead: [] } };
  const suppressed = { ...held(4), visible: undefined };
  const grave = { ...item, key: key(5), state: { ...item.state, dead: [{ incarnation: 9, deletes: [] }] } };
  for (const each of [deleted, contested, suppressed, grave]) {
    cache.pack(each);
    expect(cache.get(each.key)).toBe(each);
  }
});

test('a body that is read again stands in memory of its own, and is given without a copy from then on', () => {
  const cache = new ItemCache(1 << 20).forPartition();
  cache.pack(held(1));
  cache.pack(held(2));
  expect(cache.get(key(1))).not.toBe(cache.get(key(1)));
  const third = cache.get(key(1));
  expect(third?.visible?.body.buffer.byteLength).toBe(100);
  expect(cache.get(key(1))).toBe(third);
});

test('memory is bounded and given back, whatever is packed, read and deleted', () => {
  const bytesMax = 1 << 16;
  const step = fc.record({
    kind: fc.constantFrom('pack', 'pack', 'set', 'get', 'delete'),
    n: fc.integer({ min: 0, max: 40 }),
    bytes: fc.integer({ min: 0, max: 1_000 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300, size: 'max' }), (steps) => {
      const whole = new ItemCache(bytesMax);
      const parts = [whole.forPartition(), whole.forPartition()];
      const known = new Map<number, HeldItem>();
      const given: [HeldItem, HeldItem | undefined][] = [];
      steps.forEach(({ kind, n, bytes }, at) => {
        const cache = parts[n % 2] as PartitionCache;
        const item = held(n, bytes, at);
        if (kind === 'get') {
          const found = cache.get(key(n));
          if (found !== undefined) given.push([found, known.get(n)]);
        } else if (kind === 'delete') {
          cache.delete(key(n));
          known.delete(n);
          expect(cache.get(key(n))).toBeUndefined();
        } else {
          if (kind === 'pack') cache.pack(item);
          else cache.set(item);
          known.set(n, item);
          expect(cache.get(key(n))).toEqual(item);
        }
        expect(whole.bytes).toBeLessThanOrEqual(bytesMax);
      });
      // Whatever has been written in its place since.
      for (const [found, item] of given) expect(found).toEqual(item);
      for (const cache of parts) cache.clear();
      // At the most the slab that is being filled.
      expect(whole.bytes).toBeLessThanOrEqual(bytesMax / 16);
    }),
  );
});

test('what was written and not read goes in the order of writing, before what was read again since', () => {
  const whole = new ItemCache(1 << 20);
  const cache = whole.forPartition();
  for (let n = 0; n < 400; n++) cache.pack(held(n, 1_000));
  for (let reading = 0; reading < 3; reading++) for (let n = 0; n < 10; n++) cache.get(key(n));
  for (let n = 400; n < 900; n++) cache.pack(held(n, 1_000));
  const isKept = (n: number) => cache.get(key(n)) !== undefined;
  expect([0, 9, 10, 60, 399, 899].map(isKept)).toEqual([true, true, false, false, true, true]);
});
