import { describe, expect, test } from 'vitest';
import { randomSource } from '../../test/kit/array-source.ts';
import { seeds } from '../../test/kit/properties.ts';
import { randomCondition, randomItems, SCALARS } from '../../test/kit/query-generator.ts';
import type { JsonObject } from '../base/index.ts';
import { HybridClock } from '../causality/index.ts';
import { allRange, compileIndexingPolicy, pathId } from '../index/index.ts';
import { createMemoryLog, type Log } from '../log/index.ts';
import {
  beginEnvironment,
  compileQuery,
  evaluateOverResources,
  executePage,
  type QuerySource,
} from '../query/index.ts';
import type { EpkRange, IndexingPolicy } from '../resource/index.ts';
import { createNodeRuntime } from '../runtime/index.ts';
import { createMemoryStore, MemoryStoreState } from '../store/index.ts';
import { itemKey } from './item-key.ts';
import type { Partition } from './partition.ts';
import { PartitionHost } from './partition-host.ts';

const runtime = createNodeRuntime({ timersHoldProcess: true });
const environment = beginEnvironment({ nowMs: () => 1_700_000_000_000, random: () => 0.5 });
const NUMBER = 9;
const policy = (includedPaths: string[], excludedPaths: string[]): IndexingPolicy => ({
  indexingMode: 'consistent',
  automatic: true,
  includedPaths: includedPaths.map((path) => ({ path })),
  excludedPaths: excludedPaths.map((path) => ({ path })),
});
const COMPOSITES: NonNullable<IndexingPolicy['compositeIndexes']> = [
  [
    { path: '/a', order: 'ascending' },
    { path: '/b', order: 'descending' },
  ],
  [
    { path: '/o/x', order: 'descending' },
    { path: '/a', order: 'descending' },
    { path: '/b', order: 'ascending' },
  ],
];
const ORDERS = [
  ['c.a', 'c.b DESC'],
  ['c.a DESC', 'c.b'],
  ['c.o.x DESC', 'c.a DESC', 'c.b'],
  ['c.o.x', 'c.a', 'c.b DESC'],
];
const INDEXERS = [
  { ...policy(['/*'], []), compositeIndexes: COMPOSITES },
  { ...policy(['/*', '/a/?'], ['/o/*']), compositeIndexes: COMPOSITES.slice(0, 1) },
  policy(['/a/?', '/tags/[]/?'], ['/*']),
].map((each) => compileIndexingPolicy(each));

/** A partition, its items in the order of insertion, and chance. */
class World {
  readonly random: (below: number) => number;
  readonly log: Log = createMemoryLog({ runtime });
  readonly state = new MemoryStoreState();
  readonly items = new Map<string, JsonObject>();
  /** Items that were written to stay out of the index. */
  readonly leftOut = new Set<string>();
  indexer = INDEXERS[0] as (typeof INDEXERS)[number];
  host!: PartitionHost;
  partition!: Partition;

  constructor(seed: number) {
    this.random = randomSource(seed);
  }

  async start(): Promise<void> {
    this.host = new PartitionHost({
      runtime,
      log: this.log,
      store: createMemoryStore({ state: this.state, runtime, writeMsMax: 1 }),
      clock: new HybridClock(runtime),
      cacheBytesMax: 1 << 16,
      dirtyBytesMax: 1 << 20,
      batchItems: 1 + this.random(40),
      onFailed: (reason) => {
        throw reason;
      },
    });
    this.partition = await this.host.open(NUMBER, 1, this.indexer);
  }

  /** A write, a few of them, or something that happens to the store or the index. */
  async step(): Promise<void> {
    const { random, items } = this;
    const choice = random(12);
    if (choice === 0) await this.host.drain();
    else if (choice === 1) {
      await this.host.abandon();
      await this.start();
    } else if (choice === 2) {
      this.indexer = INDEXERS[random(INDEXERS.length)] as World['indexer'];
      this.host.setIndexer(this.partition, this.indexer);
    } else if (choice < 6 && items.size > 0) {
      const id = [...items.keys()][random(items.size)] as string;
      items.delete(id);
      this.leftOut.delete(id);
      await this.partition.write(keyOf(id), () => ({ kind: 'delete' }));
    } else {
      await Promise.all(randomItems(random, 1 + random(6)).map((item) => this.put(item)));
    }
  }

  async put(item: JsonObject): Promise<void> {
    const id = `i${this.random(80)}`;
    const body = { ...item, id };
    this.items.set(id, body);
    const isUnindexed = this.random(6) === 0 ? true : undefined;
    if (isUnindexed) this.leftOut.add(id);
    else this.leftOut.delete(id);
    const bytes = Buffer.from(JSON.stringify(body));
    await this.partition.write(keyOf(id), () => ({
      kind: 'put',
      priority: undefined,
      isUnindexed,
      render: () => ({ body: bytes }),
    }));
  }

  async rows(query: string): Promise<unknown[]> {
    const found: string[] = [];
    let continuation: string | undefined;
    do {
      const source = await this.host.openSource(this.partition);
      try {
        const page = await executePage(compileQuery(query), {
          parameters: [],
          environment,
          source,
          indexer: source.indexer,
          itemCountMax: 1 + this.random(30),
          bytesMax: 1e6,
          ...(continuation === undefined ? {} : { continuation }),
        });
        for (const row of page.rows) found.push(row.toString());
        continuation = page.continuation;
      } finally {
        await source.close();
      }
    } while (continuation !== undefined);
    return found.map((row) => JSON.parse(row));
  }

  /** Ids of a list of all items, or of those with a partition key, in order. */
  async listed(epkRange: EpkRange | undefined): Promise<string[]> {
    const source = await this.host.openSource(this.partition, { withUnindexed: true });
    try {
      const cursor = source.scanNumbers(epkRange === undefined ? {} : { epkRange });
      const items = await source.load(await cursor.next(1_000));
      await cursor.close();
      return items.map((item) => (JSON.parse(String(item?.text)) as { id: string }).id);
    } finally {
      await source.close();
    }
  }

  /** All entries of a path, as values with their numbers give them and as they stand in order. */
  async entries(path: string): Promise<{ readonly byValue: string[]; readonly inOrder: string[] }> {
    const source = await this.host.openSource(this.partition);
    const scope = { pathId: pathId([path]), range: allRange() };
    const values = source.scanValues(scope);
    const ordered = source.scanIndex(scope);
    try {
      const byValue: string[] = [];
      for (let parts = await values.next(7); parts.length > 0; parts = await values.next(7)) {
        for (const { value, numbers } of parts) {
          for (const number of numbers) byValue.push(`${value.toString('hex')} ${number}`);
        }
      }
      const inOrder = (await ordered.next(1_000)).map(
        (each) => `${each.value.toString('hex')} ${each.number}`,
      );
      return { byValue: byValue.sort(), inOrder: inOrder.sort() };
    } finally {
      await values.close();
      await ordered.close();
      await source.close();
    }
  }

  /** Equal ones stand in the order of insertion, or in its reverse. */
  expected(query: string, isReversed = false): unknown[] {
    // Bodies as they are stored: JSON has no negative zero.
    const shown = [...this.items].filter(([id]) => !this.leftOut.has(id));
    const list = shown.map(([, item]) => JSON.parse(JSON.stringify(item)) as JsonObject);
    if (isReversed) list.reverse();
    const spec = { query, parameters: [] };
    return evaluateOverResources(spec, list, environment).map((row) => JSON.parse(row.toString()));
  }

  async end(): Promise<void> {
    await this.host.close();
    await this.log.close();
  }
}

function keyOf(id: string): string {
  return itemKey(id.endsWith('3') ? 'BB' : 'AA', id);
}

describe('queries over a partition give what a scan of its items gives', () => {
  test.each(seeds(14))(
    'whatever the store has of it and however its index changes, seed %i',
    async (seed) => {
      const world = new World(7_000 + seed);
      await world.start();
      for (let i = 0; i < 30; i++)
        await Promise.all(randomItems(world.random, 2).map((one) => world.put(one)));
      for (let i = 0; i < 20; i++) {
        for (let steps = world.random(4); steps >= 0; steps--) await world.step();
        const condition = randomCondition(world.random, 2);
        for (const select of ['*', 'VALUE COUNT(1)']) {
          const query = `SELECT ${select} FROM c WHERE ${condition}`;
          expect(await world.rows(query), query).toEqual(world.expected(query));
        }
        expect(await world.listed(undefined)).toEqual([...world.items.keys()]);
        const inRange = [...world.items.keys()].filter((id) => keyOf(id).startsWith('BB'));
        expect(await world.listed({ min: 'BB', max: 'BC' })).toEqual(inRange);
        const { byValue, inOrder } = await world.entries('a');
        expect(byValue).toEqual(inOrder);
        const limit = JSON.stringify(SCALARS[world.random(SCALARS.length)]);
        const path = ['c.a', 'c.o.x', 'c.none', 'c.id'][world.random(4)] as string;
        for (const where of ['', ` WHERE c.a > ${limit}`, ` WHERE ${path} <= ${limit}`, ' WHERE c.b = 1']) {
          const list = `MIN(${path}) AS lo, MAX(${path}) AS hi, COUNT(${path}) AS n, COUNT(1) AS rows`;
          const query = `SELECT ${list} FROM c${where}`;
          expect(await world.rows(query), query).toEqual(world.expected(query));
        }
        for (const terms of ORDERS.slice(0, 2 * world.indexer.composites.length)) {
          const query = `SELECT VALUE [c.id] FROM c WHERE ${condition} ORDER BY ${terms.join(', ')}`;
          const isReversed = terms[0]?.endsWith('DESC') === true;
          expect(await world.rows(query), query).toEqual(world.expected(query, isReversed));
          const all = `SELECT VALUE [c.id, c.a] FROM c ORDER BY ${terms.join(', ')}`;
          expect(await world.rows(all), all).toEqual(world.expected(all, isReversed));
        }
        const { explicit } = world.indexer.coverage(['a']);
        const direction = world.random(2) === 0 ? 'ASC' : 'DESC';
        const sort = `ORDER BY c.a ${direction}`;
        const filter = explicit ? condition : `(${condition}) AND IS_DEFINED(c.a)`;
        const ordered = await world.rows(`SELECT VALUE [c.a] FROM c WHERE ${condition} ${sort}`);
        const wanted = world.expected(
          `SELECT VALUE [c.a] FROM c WHERE ${filter} ${sort}`,
          direction === 'DESC',
        );
        expect(ordered, `${condition} ${sort}`).toEqual(wanted);
      }
      await world.end();
    },
    60_000,
  );
});

test('a source shows the items of its moment, whatever others have read since', async () => {
  const world = new World(1);
  await world.start();
  const versions = (source: QuerySource, numbers: readonly number[]) =>
    source
      .load(numbers)
      .then((items) => items.map((item) => item && (JSON.parse(String(item.text)) as { a: number }).a));
  const opened: { readonly source: QuerySource; readonly numbers: number[]; readonly version: number }[] = [];
  for (let version = 0; version < 6; version++) {
    for (const id of ['a', 'b', 'c']) {
      // One item changes with every version, one every second time, one never.
      if (version % { a: 1, b: 2, c: 9 }[id as 'a']) continue;
      const body = Buffer.from(JSON.stringify({ id, a: version }));
      await world.partition.write(keyOf(id), () => ({
        kind: 'put',
        priority: undefined,
        render: () => ({ body }),
      }));
    }
    await world.host.drain();
    world.partition.cache.clear();
    const source = await world.host.openSource(world.partition);
    const cursor = source.scanNumbers({ isBare: true });
    opened.push({ source, numbers: await cursor.next(9), version });
    await cursor.close();
    for (let round = 0; round < 2; round++) {
      for (const each of opened) {
        const expected = [each.version, each.version - (each.version % 2), 0];
        expect(await versions(each.source, each.numbers), `version ${each.version}`).toEqual(expected);
      }
      opened.reverse();
    }
  }
  for (const { source } of opened) await source.close();
  await world.end();
});
