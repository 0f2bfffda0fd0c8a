import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { runs } from '../../test/kit/properties.ts';
import { HybridClock, unixMs, VersionVector } from '../causality/index.ts';
import { DatabaseError } from '../errors/index.ts';
import { allRange, compileIndexingPolicy, equalRange, pathId } from '../index/index.ts';
import { type Log, openFileLog } from '../log/index.ts';
import { createNodeDisk, createNodeRuntime } from '../runtime/index.ts';
import { createMemoryStore, MemoryStoreState, type Store } from '../store/index.ts';
import { parseBody } from './dirty-item.ts';
import type { Intent } from './intent.ts';
import { itemKey } from './item-key.ts';
import type { Partition } from './partition.ts';
import { PartitionHost } from './partition-host.ts';

const runtime = createNodeRuntime({ timersHoldProcess: true });
const indexer = compileIndexingPolicy({
  indexingMode: 'consistent',
  automatic: true,
  includedPaths: [{ path: '/*' }],
  excludedPaths: [{ path: '/"_etag"/?' }],
});
const NUMBER = 7;
const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** One region's node over a real log folder and a store whose durable state outlives it. */
class Node {
  readonly origin: number;
  readonly directory: string;
  state = new MemoryStoreState();
  /** How wrong its wall clock is. */
  aheadMs = 0;
  log!: Log;
  host!: PartitionHost;
  partition!: Partition;
  /** Runs when a batch is in the store, but the partition has not been told yet. */
  whileWritten: () => Promise<void> = async () => undefined;
  onFailed = (reason: unknown): void => {
    throw reason;
  };

  private constructor(origin: number, directory: string) {
    this.origin = origin;
    this.directory = directory;
  }

  static async open(origin: number): Promise<Node> {
    const directory = await mkdtemp(join(tmpdir(), 'orrery-partition-'));
    const node = new Node(origin, directory);
    cleanups.push(() => rm(directory, { recursive: true }));
    cleanups.push(() => node.crash());
    await node.start();
    return node;
  }

  async start(): Promise<void> {
    this.log = await openFileLog({
      runtime,
      disk: createNodeDisk(),
      directory: this.directory,
      segmentBytes: 1 << 20,
    });
    const inner = createMemoryStore({ state: this.state });
    const store: Store = {
      get: (wanted) => inner.get(wanted),
      getMany: (keys) => inner.getMany(keys),
      snapshot: () => inner.snapshot(),
      write: (writes) => inner.write(writes),
      batch: () => {
        const batch = inner.batch();
        return {
          set: (wanted, value) => batch.set(wanted, value),
          commit: async () => {
            await batch.commit();
            await this.whileWritten();
          },
          abandon: () => batch.abandon(),
        };
      },
      clear: (from, to) => inner.clear(from, to),
      close: () => inner.close(),
    };
    const clock = new HybridClock({ nowMs: () => runtime.nowMs() + this.aheadMs });
    this.host = new PartitionHost({
      runtime,
      log: this.log,
      store,
      clock,
      cacheBytesMax: 1 << 16,
      dirtyBytesMax: 1 << 20,
      batchItems: 4,
      onFailed: (reason) => this.onFailed(reason),
    });
    this.partition = await this.host.open(NUMBER, this.origin, indexer);
  }

  /** What is in the store stays; memory goes. */
  async crash(): Promise<void> {
    await this.host.abandon();
    await this.log.close();
  }

  put(id: string, item: Record<string, unknown>): Promise<unknown> {
    return this.partition.write(key(id), () => put({ id, ...item }));
  }

  remove(id: string): Promise<unknown> {
    return this.partition.write(key(id), () => ({ kind: 'delete' }));
  }

  read(id: string): unknown {
    const visible = this.partition.lookup(key(id))?.visible;
    return visible && parseBody(visible.body);
  }

  /** Everything that `other` has and this node lacks, in one go. */
  async pull(other: Node): Promise<void> {
    const entries = await other.partition.read(
      other.partition.coveredLsn(this.partition.vector) + 1,
      1 << 24,
    );
    await this.partition.receive(entries);
  }

  /** All visible items as queries see them, by number, and as one index path shows them. */
  async scan(): Promise<{ items: unknown[]; values: unknown[] }> {
    const source = await this.host.openSource(this.partition);
    const numbers = source.scanNumbers({});
    const items: unknown[] = [];
    for (let page = await numbers.next(3); page.length > 0; page = await numbers.next(3)) {
      for (const item of await source.load(page)) items.push(item && parseBody(item.text));
    }
    await numbers.close();
    const postings = source.scanIndex({ pathId: pathId(['v']), range: allRange() });
    const found: number[] = [];
    for (let page = await postings.next(3); page.length > 0; page = await postings.next(3)) {
      found.push(...page.map((posting) => posting.number));
    }
    await postings.close();
    const values = (await source.load(found)).map((item) => (item && parseBody(item.text))?.v);
    await source.close();
    return { items, values };
  }
}

function key(id: string): string {
  return itemKey(id.startsWith('b') ? 'BB' : 'AA', id);
}

function put(item: Record<string, unknown>): Intent {
  return { kind: 'put', priority: undefined, render: () => ({ body: Buffer.from(JSON.stringify(item)) }) };
}

test('what a dropped partition had waiting for the store takes no room from the others', async () => {
  const node = await Node.open(1);
  await node.put('a', { text: 'x'.repeat(2 << 20) });
  // Nothing has been fed yet: the batch waits for more.
  expect(node.host.memory().dirtyBytes).toBeGreaterThan(2 << 20);
  await node.host.drop(NUMBER);
  expect(node.host.room()).toBeUndefined();
});

test('who finds a partition comes after those who were told that it opened', async () => {
  const node = await Node.open(1);
  const { host } = node;
  // The order of deadlines is made while it opens.
  node.whileWritten = () => new Promise((resolve) => setTimeout(resolve, 20));
  const opened: number[] = [];
  host.onOpened((number) => opened.push(number));
  let isOver = false;
  const opening = host.open(8, 1, indexer, { defaultTtl: 10 }).finally(() => {
    isOver = true;
  });
  while (host.get(8) === undefined && !isOver) await new Promise((resolve) => setImmediate(resolve));
  expect(opened).toEqual([8]);
  await opening;
});

describe('much that arrives at once', () => {
  async function entriesOf(node: Node, count: number): Promise<Uint8Array[]> {
    await Promise.all(Array.from({ length: count }, (_, n) => node.put(`a${n}`, { n })));
    return node.partition.read(1, 1 << 24);
  }

  test('lets others run in between, and write', async () => {
    const [one, two] = [await Node.open(1), await Node.open(2)];
    // So many that others get their turn twice however quick the machine is: see Turns.
    const count = 9_000;
    const entries = await entriesOf(one, count);
    const received = two.partition.receive(entries);
    const seen = new Set<number>();
    let isOver = false;
    const watch = (): void => {
      seen.add(two.partition.applied.itemCount);
      if (!isOver) setImmediate(watch);
    };
    watch();
    const written = two.put('b', { own: true });
    await received;
    isOver = true;
    await written;
    expect([...seen].filter((items) => items > 1 && items < count + 1).length).toBeGreaterThan(1);
    expect(two.partition.vector.get(1)).toBe(count);
    expect(two.partition.vector.get(2)).toBe(1);
    expect(two.partition.tail()).toBe(count + 1);
  });

  test('leaves what came before damage, and takes the rest once it comes whole', async () => {
    const [one, two] = [await Node.open(1), await Node.open(2)];
    const entries = await entriesOf(one, 600);
    const damaged = entries.map((bytes, n) => (n === 500 ? bytes.subarray(0, 3) : bytes));
    await expect(two.partition.receive(damaged)).rejects.toThrow('log entry');
    await two.partition.receive(entries);
    expect(two.partition.vector.get(1)).toBe(600);
    expect(two.partition.tail()).toBe(600);
    expect(two.partition.applied.itemCount).toBe(600);
  });
});

describe('a clock', () => {
  test.each(['log', 'store'])(
    'a time from an hour ahead is not followed, also once the %s is read',
    async (from) => {
      const [wrong, right] = [await Node.open(1), await Node.open(2)];
      wrong.aheadMs = 3_600_000;
      await wrong.put('a', { v: 1 });
      await right.pull(wrong);
      if (from === 'store') await right.host.drain();
      await right.crash();
      await right.start();
      await right.put('b', { v: 2 });
      const written = right.partition.lookup(key('b'))?.visible?.time ?? 0;
      expect(unixMs(written)).toBeLessThan(runtime.nowMs() + 1000);
      await right.pull(wrong);
      await right.put('a', { v: 3 });
      expect(right.read('a'), 'what it had seen it replaces all the same').toEqual({ id: 'a', v: 3 });
    },
  );
});

describe('one region', () => {
  test('a decision sees the write before it, and an error waits for what it was based on', async () => {
    const node = await Node.open(1);
    const first = node.put('a', { v: 1 });
    let seen: unknown;
    const refused = node.partition.write(key('a'), (visible) => {
      seen = visible && parseBody(visible.body);
      throw new DatabaseError('Conflict', 'exists');
    });
    expect(seen).toEqual({ id: 'a', v: 1 });
    expect(node.partition.durableLsn, 'nothing is durable yet').toBe(0);
    await expect(refused).rejects.toThrow('exists');
    expect(node.partition.durableLsn, 'the conflict was told only once its cause was durable').toBe(1);
    await first;
  });

  test('a replace keeps the incarnation, a create after a delete makes a new one', async () => {
    const node = await Node.open(1);
    const numberOf = () => node.partition.lookup(key('a'))?.visible?.incarnation;
    await node.put('a', { v: 1 });
    const born = numberOf();
    await node.put('a', { v: 2 });
    expect(numberOf()).toBe(born);
    await node.remove('a');
    expect(node.read('a')).toBeUndefined();
    await node.put('a', { v: 3 });
    expect(numberOf()).toBeGreaterThan(born ?? 0);
  });

  test.each([true, false])('a restart finds everything (store fed before: %s)', async (isFed) => {
    const node = await Node.open(1);
    for (let i = 0; i < 300; i++) await node.put(`a${i % 40}`, { v: i });
    await node.remove('a7');
    if (isFed) await node.host.close();
    await node.crash();
    await node.start();
    expect(node.read('a39')).toEqual({ id: 'a39', v: 279 });
    expect(node.read('a7')).toBeUndefined();
    expect(node.partition.applied.itemCount).toBe(39);
    await node.put('a7', { v: 1000 });
    expect(node.partition.vector.get(1)).toBe(302);
  });

  test('whenever a crash comes while the store is fed, no position claims an item that is missing', async () => {
    const node = await Node.open(1);
    for (let i = 0; i < 40; i++) {
      await node.put(`a${i}`, { v: i });
      if (i % 3 !== 0) continue;
      await node.crash();
      await node.start();
      expect((await node.scan()).items).toHaveLength(i + 1);
    }
  });

  test('a store that was lost is made again from the log', async () => {
    const node = await Node.open(1);
    for (let i = 0; i < 200; i++) await node.put(`a${i}`, { v: i });
    await node.host.close();
    await node.crash();
    node.state = new MemoryStoreState();
    await node.start();
    expect((await node.scan()).items).toHaveLength(200);
  });

  test('a store ahead of its log is thrown away', async () => {
    const node = await Node.open(1);
    const other = await Node.open(1);
    for (let i = 0; i < 20; i++) await node.put(`a${i}`, { v: i });
    await other.put('a0', { v: 'other' });
    await node.host.close();
    await node.crash();
    await other.crash();
    other.state = node.state;
    await other.start();
    expect((await other.scan()).items).toEqual([{ id: 'a0', v: 'other' }]);
    await node.start();
  });
});

describe('queries read what writers wrote', () => {
  test('whatever part of it the store already has', async () => {
    const step = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({
          kind: fc.constant('put' as const),
          id: fc.integer({ min: 0, max: 9 }),
          v: fc.integer({ min: 0, max: 5 }),
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({ kind: fc.constant('remove' as const), id: fc.integer({ min: 0, max: 9 }) }),
      },
      { weight: 1, arbitrary: fc.constant({ kind: 'feed' as const }) },
      { weight: 1, arbitrary: fc.constant({ kind: 'restart' as const }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const node = await Node.open(1);
        const expected = new Map<string, { id: string; v: number }>();
        for (const one of steps) {
          if (one.kind === 'put') {
            const id = `a${one.id}`;
            await node.put(id, { v: one.v });
            expected.set(id, { id, v: one.v });
          } else if (one.kind === 'remove') {
            const id = `a${one.id}`;
            if (expected.delete(id)) await node.remove(id);
          } else if (one.kind === 'feed') {
            await node.host.drain();
          } else {
            await node.crash();
            await node.start();
          }
          const { items, values } = await node.scan();
          expect(items).toEqual([...expected.values()]);
          expect(values).toEqual([...expected.values()].map((item) => item.v).sort((a, b) => a - b));
        }
        expect(node.partition.applied.itemCount).toBe(expected.size);
      }),
      { numRuns: runs(25) },
    );
  });

  test('while a batch is in the store and nobody knows yet', async () => {
    const node = await Node.open(1);
    const shown = async () => (await node.scan()).items.map((item) => (item as { id: string; v: number }).v);
    for (const id of ['a0', 'a1', 'a2', 'a3']) await node.put(id, { v: 1 });
    const seen: number[][] = [];
    node.whileWritten = async () => {
      node.whileWritten = async () => undefined;
      seen.push(await shown());
      await node.remove('a0');
      await node.put('a1', { v: 2 });
      await node.remove('a2');
      await node.put('a2', { v: 3 });
      seen.push(await shown());
    };
    await node.host.drain();
    seen.push(await shown());
    expect(seen).toEqual([
      [1, 1, 1, 1],
      [2, 1, 3],
      [2, 1, 3],
    ]);
    expect((await node.scan()).values).toEqual([1, 2, 3]);
  });

  test('a source shows its own moment, not what comes later', async () => {
    const node = await Node.open(1);
    await node.put('a', { v: 1 });
    await node.host.drain();
    const source = await node.host.openSource(node.partition);
    await node.put('a', { v: 2 });
    await node.put('b', { v: 1 });
    await node.host.drain();
    const cursor = source.scanIndex({ pathId: pathId(['v']), range: equalRange(1) });
    const [posting, ...rest] = await cursor.next(10);
    expect(rest).toEqual([]);
    const [item] = await source.load([posting?.number ?? 0]);
    expect(item && parseBody(item.text)).toEqual({ id: 'a', v: 1 });
    await cursor.close();
    await source.close();
  });

  test('a range of partition keys holds its own items only', async () => {
    const node = await Node.open(1);
    for (const id of ['a1', 'b1', 'a2', 'b2']) await node.put(id, { v: 1 });
    await node.host.drain();
    await node.put('b3', { v: 1 });
    const source = await node.host.openSource(node.partition);
    const cursor = source.scanNumbers({ epkRange: { min: 'BB', max: 'BB00' } });
    const items = await source.load(await cursor.next(10));
    expect(items.map((item) => item && parseBody(item.text).id)).toEqual(['b1', 'b2', 'b3']);
    await cursor.close();
    await source.close();
  });
});

const everything = () => true;

describe('two regions', () => {
  test('concurrent writes end alike, and what was lost is collected once both have it', async () => {
    const [one, two] = [await Node.open(1), await Node.open(2)];
    await one.put('a', { v: 'one' });
    await two.put('a', { v: 'two' });
    await one.pull(two);
    await two.pull(one);
    expect(one.read('a')).toEqual(two.read('a'));
    expect(one.partition.countUnsettled()).toEqual({ siblings: 1, tombstones: 0 });
    await one.host.collect(
      () => new VersionVector([[1, 1]]),
      everything,
      () => [],
    );
    await one.host.collect(
      () =>
        new VersionVector([
          [1, 1],
          [2, 1],
        ]),
      everything,
      () => [],
    );
    expect(one.partition.countUnsettled()).toEqual({ siblings: 0, tombstones: 0 });
    expect(one.read('a')).toEqual(two.read('a'));
  });

  test('unsettled state outlives a restart', async () => {
    const [one, two] = [await Node.open(1), await Node.open(2)];
    await one.put('a', { v: 1 });
    await two.pull(one);
    await two.remove('a');
    await one.pull(two);
    await one.host.close();
    await one.crash();
    await one.start();
    expect(one.partition.countUnsettled()).toEqual({ siblings: 0, tombstones: 1 });
    await one.host.collect(
      () =>
        new VersionVector([
          [1, 1],
          [2, 1],
        ]),
      everything,
      () => [],
    );
    await one.host.drain();
    expect(one.partition.countUnsettled()).toEqual({ siblings: 0, tombstones: 0 });
  });

  test('an entry whose causes are missing is refused', async () => {
    const [one, two, three] = [await Node.open(1), await Node.open(2), await Node.open(3)];
    await one.put('a', { v: 1 });
    await two.pull(one);
    await two.put('a', { v: 2 });
    const [, late] = await two.partition.read(1, 1 << 20);
    await expect(three.partition.receive([late ?? Buffer.alloc(0)])).rejects.toThrow('causal delivery');
  });

  test('received entries are skipped when they come again', async () => {
    const [one, two] = [await Node.open(1), await Node.open(2)];
    await one.put('a', { v: 1 });
    await two.pull(one);
    await two.partition.receive(await one.partition.read(1, 1 << 20));
    expect(two.partition.durableLsn).toBe(1);
  });
});

describe('the end of a partition', () => {
  test('dropping it fails what waits, refuses what comes, and leaves nothing behind', async () => {
    const node = await Node.open(1);
    await node.put('a', { v: 1 });
    await node.host.drain();
    const { partition } = node;
    const waiting = partition.covering(new VersionVector([[2, 1]]))?.promise;
    const failed = expect(waiting).rejects.toThrow('Owner resource does not exist');
    await node.host.drop(NUMBER);
    await failed;
    await expect(node.put('b', { v: 1 })).rejects.toThrow('Owner resource does not exist');
    await expect(partition.receive([])).rejects.toThrow('Owner resource does not exist');
    expect(node.host.get(NUMBER)).toBeUndefined();
    expect(node.log.partitions()).toEqual([]);
  });

  test('a damaged entry leaves nothing of its batch behind', async () => {
    const [one, two] = [await Node.open(1), await Node.open(2)];
    await one.put('a', { v: 1 });
    await one.put('a', { v: 2 });
    const [first, second] = await one.partition.read(1, 1 << 20);
    const damaged = Buffer.from(second ?? []);
    damaged[0] = 99;
    await expect(two.partition.receive([first ?? Buffer.alloc(0), damaged])).rejects.toThrow(
      'unknown format',
    );
    expect(two.read('a')).toBeUndefined();
    await two.pull(one);
    expect(two.read('a')).toEqual({ id: 'a', v: 2 });
  });

  test('a log that somebody else appended to ends the node, not only the write', async () => {
    const node = await Node.open(1);
    const reasons: unknown[] = [];
    node.onFailed = (reason) => void reasons.push(reason);
    await node.put('a', { v: 1 });
    await node.log.append(NUMBER, 1, [Buffer.from('somebody else')]);
    await expect(node.put('b', { v: 1 })).rejects.toThrow('append expected');
    expect(reasons).toHaveLength(1);
  });
});
