import { describe, expect, test } from 'vitest';
import { EVERYTHING, makeFolder, PartitionNode } from '../../test/kit/partition-node.ts';
import { allRange, equalRange, pathId, rangeAbove, typeRange } from '../index/index.ts';
import { createNodeRuntime } from '../runtime/index.ts';
import { MemoryStoreState, type Store } from '../store/index.ts';
import { chooseRuns } from './index-compactor.ts';
import { type IndexRun, keyTerm } from './index-runs.ts';
import { itemKey } from './item-key.ts';
import { blockKey, kindEnd } from './store-key.ts';

const runtime = createNodeRuntime({ timersHoldProcess: true });
const NUMBER = 3;

function start(folder: string, state: MemoryStoreState): Promise<PartitionNode> {
  return PartitionNode.open({ number: NUMBER, folder, state, writeMsMax: 1 });
}

/** What the index says of one path, and what the items say themselves. */
async function compareIndex({ host, partition }: PartitionNode): Promise<number> {
  const source = await host.openSource(partition);
  const all = source.scanNumbers({});
  const numbers = await all.next(10_000);
  await all.close();
  const items = await source.load(numbers);
  const cursor = source.scanIndex({ pathId: pathId(['v']), range: allRange() });
  const found = (await cursor.next(10_000)).map(({ value, number }) => `${value.toString('hex')}/${number}`);
  const bare = await source.scanNumbers({ isBare: true }).next(10_000);
  expect(bare).toEqual(numbers);
  expect(await source.count()).toBe(numbers.length);
  for (const range of [allRange(), equalRange(3), rangeAbove(4, true), typeRange('string')]) {
    const scope = { pathId: pathId(['v']), range };
    const postings = source.scanIndex(scope);
    const wanted = (await postings.next(10_000)).map(({ number }) => number);
    await postings.close();
    const alone = source.scanIndexNumbers(scope);
    const listed = [...(await alone.next(7)), ...(await alone.next(10_000))];
    expect(listed.sort()).toEqual(wanted.sort());
    expect(await source.count(scope)).toBe(wanted.length);
    expect(source.estimate(scope).atLeast).toBeLessThanOrEqual(wanted.length + partition.dirty.size);
  }
  const keyed = await source.scanNumbers({ epkRange: { min: '', max: 'FF' } }).next(10_000);
  await cursor.close();
  await source.close();
  const expected = items.flatMap((item) => {
    const terms = item === undefined ? [] : EVERYTHING.terms(JSON.parse(item.text.toString()));
    const own = terms.filter((term) => term.startsWith(pathId(['v']).toString('latin1')));
    return own.map((term) => `${Buffer.from(term.slice(8), 'latin1').toString('hex')}/${item?.number}`);
  });
  expect([...found].sort()).toEqual(expected.sort());
  expect(keyed).toEqual(numbers);
  return numbers.length;
}

/** Ids of the runs that have blocks in the store. */
async function storedRuns(store: Store): Promise<number[]> {
  const snapshot = store.snapshot();
  const cursor = snapshot.scan({ from: blockKey(NUMBER, 0, 0), to: kindEnd(NUMBER, 'x') });
  const pairs = await cursor.next(100_000);
  await cursor.close();
  await snapshot.close();
  return [...new Set(pairs.map(([key]) => key.readUInt32BE(5)))];
}

const nextTurn = () => new Promise<void>((resolve) => runtime.after(2, resolve));

describe('the runs of an index', () => {
  test('are merged while writers go on and after crashes, and say what the items say', async () => {
    const directory = await makeFolder();
    const state = new MemoryStoreState();
    let node = await start(directory, state);
    let chance = 12_345;
    const below = (limit: number) => {
      chance = (chance * 1_103_515_245 + 12_345) % 2_147_483_648;
      return Math.floor((chance / 2_147_483_648) * limit);
    };
    const present = new Set<string>();
    for (let round = 0; round < 150; round++) {
      const waiting: Promise<unknown>[] = [];
      for (let i = below(6); i >= 0; i--) {
        const id = `i${below(40)}`;
        const key = itemKey('AA', id);
        if (present.has(id) && below(3) === 0) {
          present.delete(id);
          waiting.push(node.partition.write(key, () => ({ kind: 'delete' })));
          continue;
        }
        present.add(id);
        const body = Buffer.from(
          JSON.stringify({ id, v: below(8), w: below(1000), t: [below(3), below(3)] }),
        );
        waiting.push(
          node.partition.write(key, () => ({
            kind: 'put',
            priority: undefined,
            render: () => ({ body }),
          })),
        );
      }
      await Promise.all(waiting);
      if (below(3) > 0) await node.host.drain();
      if (round % 10 === 0) expect(await compareIndex(node)).toBe(present.size);
      if (below(25) === 0) {
        await node.crash();
        node = await start(directory, state);
      }
    }
    expect(await compareIndex(node)).toBe(present.size);
    const { index } = node.partition;
    for (let wait = 0; wait < 500 && chooseRuns(index.committed.runs) !== undefined; wait++) await nextTurn();
    await node.host.drain();
    for (let wait = 0; wait < 50; wait++) await nextTurn();
    expect(await compareIndex(node)).toBe(present.size);
    expect(index.committed.runs.length).toBeLessThan(8);
    const named = index.committed.runs.map(({ id }) => id);
    expect((await storedRuns(node.store)).sort(), 'nothing is left of runs that were merged').toEqual(
      [...named].sort(),
    );
    await node.close();
  });

  test('of a dropped partition leave nothing behind', async () => {
    const node = await start(await makeFolder(), new MemoryStoreState());
    const key = itemKey('AA', 'a');
    for (let i = 0; i < 12; i++) {
      const body = Buffer.from(JSON.stringify({ id: 'a', v: i }));
      await node.partition.write(key, () => ({ kind: 'put', priority: undefined, render: () => ({ body }) }));
      await node.host.drain();
    }
    await node.host.drop(NUMBER);
    for (let wait = 0; wait < 20; wait++) await nextTurn();
    expect(await storedRuns(node.store)).toEqual([]);
    await node.close();
  });
});

describe('the choice of runs', () => {
  const run = (kilobytes: number): IndexRun => ({
    id: kilobytes,
    blockCount: 1,
    bytes: kilobytes * 1024,
    sum: 1,
    fences: undefined,
  });
  const sizes = (...kilobytes: number[]) => chooseRuns(kilobytes.map(run))?.map(({ id }) => id);

  test('takes enough runs of one tier, with the smaller ones after them', () => {
    expect(sizes()).toBeUndefined();
    expect(sizes(1, 1, 1, 1, 1, 1, 1)).toBeUndefined();
    expect(sizes(1, 1, 1, 1, 1, 1, 1, 1)).toEqual([1, 1, 1, 1, 1, 1, 1, 1]);
    expect(sizes(900, 50, 1, 1, 1, 1, 1, 1, 1, 1)).toHaveLength(8);
    expect(sizes(900, 50, 60, 70, 50, 60, 70, 50, 60, 1, 1)).toHaveLength(10);
  });

  test('never passes over a larger run', () => {
    expect(sizes(1, 1, 1, 1, 900, 1, 1, 1, 1)).toBeUndefined();
  });
});

test('the key of an item stands apart from its properties', () => {
  expect(keyTerm('05C1').startsWith('\0'.repeat(8))).toBe(true);
});
