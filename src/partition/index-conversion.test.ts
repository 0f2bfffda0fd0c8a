import { describe, expect, test } from 'vitest';
import { makeFolder, PartitionNode } from '../../test/kit/partition-node.ts';
import { WeightedCache } from '../base/index.ts';
import { allRange, compileIndexingPolicy, compileIndexRules, type Indexer, pathId } from '../index/index.ts';
import type { IndexingPolicy } from '../resource/index.ts';
import { createNodeRuntime } from '../runtime/index.ts';
import { MemoryStoreState } from '../store/index.ts';
import { parseBody } from './dirty-item.ts';
import { conversionPercent, needsConversion } from './index-conversion.ts';
import { IndexReader } from './index-reader.ts';
import { ALL_TERM, keyTerm } from './index-runs.ts';
import { itemKey } from './item-key.ts';

const runtime = createNodeRuntime({ timersHoldProcess: true });
const NUMBER = 5;
const policy = (included: string[], excluded: string[], indexingMode: 'consistent' | 'none' = 'consistent') =>
  compileIndexingPolicy({
    indexingMode,
    automatic: true,
    includedPaths: included.map((path) => ({ path })),
    excludedPaths: excluded.map((path) => ({ path })),
  } satisfies IndexingPolicy);
const POLICIES: readonly Indexer[] = [
  policy(['/*'], []),
  policy(['/*'], ['/a/?', '/o/*']),
  policy(['/a/?', '/t/[]/?'], ['/*']),
  policy(['/*', '/missing/?'], ['/t/*']),
  policy([], [], 'none'),
];
const PATHS = [['a'], ['b'], ['o', 'x'], ['missing']];

function start(folder: string, state: MemoryStoreState, indexer: Indexer): Promise<PartitionNode> {
  return PartitionNode.open({ number: NUMBER, folder, state, indexer, writeMsMax: 1 });
}

function put(node: PartitionNode, id: string, item: Record<string, unknown>): Promise<unknown> {
  const body = Buffer.from(JSON.stringify({ id, ...item }));
  return node.partition.write(itemKey('AA', id), () => ({
    kind: 'put',
    priority: undefined,
    render: () => ({ body }),
  }));
}

async function putMany(
  node: PartitionNode,
  count: number,
  item: (i: number) => Record<string, unknown>,
): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, i) => put(node, `i${i}`, item(i))));
}

/** Whatever a source says that its indexes know wholly must be what the items say. */
async function checkCoveredPaths({ host, partition }: PartitionNode): Promise<number> {
  const source = await host.openSource(partition);
  const all = source.scanNumbers({});
  const items = await source.load(await all.next(10_000));
  await all.close();
  let covered = 0;
  for (const path of PATHS) {
    const { indexed, explicit } = source.indexer.coverage(path);
    if (!indexed) continue;
    covered++;
    const cursor = source.scanIndex({ pathId: pathId(path), range: allRange() });
    const found = (await cursor.next(10_000)).map(({ number }) => number);
    await cursor.close();
    const expected = items.filter((item) => {
      let value: unknown = item && parseBody(item.text);
      for (const name of path) value = (value as Record<string, unknown> | undefined)?.[name];
      return explicit || value !== undefined;
    });
    expect(found.sort(), path.join('/')).toEqual(expected.map((item) => item?.number).sort());
  }
  await source.close();
  return covered;
}

/** Every posting in the store, against the terms of every item in it. */
async function checkWholeIndex({ host, store, partition }: PartitionNode): Promise<void> {
  await host.drain();
  const reader = new IndexReader(NUMBER, store, partition.index.committed, new WeightedCache(1 << 20));
  const scan = reader.scan({ from: '', to: '\xff'.repeat(9) });
  const found: string[] = [];
  for (;;) {
    const part = scan.next();
    if (part !== undefined) for (const number of part.numbers) found.push(`${part.term}/${number}`);
    else if (scan.pending === undefined) break;
    else await scan.pending;
  }
  const source = await host.openSource(partition);
  const all = source.scanNumbers({});
  const items = await source.load(await all.next(10_000));
  await all.close();
  await source.close();
  const indexer = compileIndexRules(partition.indexer.rules);
  const expected = items.flatMap((item) => {
    if (item === undefined) return [];
    const terms = [ALL_TERM, keyTerm(item.epk), ...indexer.terms(parseBody(item.text))];
    return terms.map((term) => `${term}/${item.number}`);
  });
  expect(found.sort()).toEqual(expected.sort());
}

describe('a changed policy', () => {
  test('is followed while writers go on, restarts come between and the next change comes too soon', async () => {
    const directory = await makeFolder();
    const state = new MemoryStoreState();
    let wanted = POLICIES[0] as Indexer;
    let node = await start(directory, state, wanted);
    let chance = 99;
    const below = (limit: number) => {
      chance = (chance * 1_103_515_245 + 12_345) % 2_147_483_648;
      return Math.floor((chance / 2_147_483_648) * limit);
    };
    for (let i = 0; i < 2_600; i++)
      await put(node, `i${i}`, { a: i % 7, b: i % 5, o: { x: i % 3 }, t: [i % 2] });
    await node.host.drain();
    let covered = 0;
    for (let round = 0; round < 60; round++) {
      const id = `i${below(2_700)}`;
      if (below(4) === 0 && node.partition.lookup(itemKey('AA', id))?.visible !== undefined) {
        await node.partition.write(itemKey('AA', id), () => ({ kind: 'delete' }));
      } else {
        await put(node, id, { a: below(9), ...(below(2) === 0 ? { missing: 1 } : {}), o: { x: below(9) } });
      }
      if (below(6) === 0) {
        wanted = POLICIES[below(POLICIES.length)] as Indexer;
        node.host.setIndexer(node.partition, wanted);
      }
      if (below(10) === 0) {
        await node.crash();
        node = await start(directory, state, wanted);
      }
      covered += await checkCoveredPaths(node);
    }
    expect(covered, 'indexes were of use meanwhile').toBeGreaterThan(20);
    for (let wait = 0; wait < 500 && needsConversion(node.partition); wait++) {
      await new Promise<void>((resolve) => runtime.after(5, resolve));
    }
    expect(conversionPercent(node.partition)).toBe(100);
    await checkWholeIndex(node);
    await node.close();
  });

  test('leaves what both policies know in use, and tells how far it has come', async () => {
    const node = await start(await makeFolder(), new MemoryStoreState(), POLICIES[1] as Indexer);
    await putMany(node, 3_000, (i) => ({ a: i, b: i, o: { x: i } }));
    await node.host.drain();
    node.host.setIndexer(node.partition, POLICIES[0] as Indexer);
    expect(conversionPercent(node.partition)).toBe(0);
    const source = await node.host.openSource(node.partition);
    expect(source.indexer.coverage(['b'])).toEqual({ indexed: true, explicit: false });
    expect(source.indexer.coverage(['a'])).toEqual({ indexed: false, explicit: false, isComing: true });
    await source.close();
    const seen = new Set<number>();
    while (needsConversion(node.partition)) {
      seen.add(conversionPercent(node.partition));
      await new Promise<void>((resolve) => runtime.after(1, resolve));
    }
    expect([...seen].some((percent) => percent > 0 && percent < 100)).toBe(true);
    await checkWholeIndex(node);
    await node.close();
  });
});
