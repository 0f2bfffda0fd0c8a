import { describe, expect, test } from 'vitest';
import { PartitionNode } from '../../test/kit/partition-node.ts';
import { compileIndexingPolicy } from '../index/index.ts';
import type { NearestRequest, QuerySource } from '../query/index.ts';
import type { VectorEmbedding } from '../resource/index.ts';
import { itemKey } from './item-key.ts';
import type { Partition } from './partition.ts';
import type { PartitionHost } from './partition-host.ts';

function embedding(indexType: 'flat' | 'diskANN'): VectorEmbedding {
  return {
    path: ['deep', 'v'],
    dataType: 'float32',
    dimensions: 2,
    distanceFunction: 'euclidean',
    indexType,
  };
}

function indexerOf(indexType: 'flat' | 'diskANN') {
  const policy = {
    indexingMode: 'consistent' as const,
    automatic: true,
    includedPaths: [{ path: '/*' }],
    excludedPaths: [{ path: '/deep/*' }],
  };
  return compileIndexingPolicy(policy, { embeddings: [embedding(indexType)] });
}

interface Node {
  readonly host: PartitionHost;
  readonly partition: Partition;
  put(id: string, deep: unknown): Promise<unknown>;
  remove(id: string): Promise<unknown>;
  /** Ids of the nearest, in order, as this source shows them. */
  nearest(source: QuerySource, request: Partial<NearestRequest>): Promise<string[] | undefined>;
}

async function open(indexType: 'flat' | 'diskANN', vectorBytesMax?: number): Promise<Node> {
  const { host, partition } = await PartitionNode.open({
    number: 7,
    indexer: indexerOf(indexType),
    host: { batchItems: 8, ...(vectorBytesMax === undefined ? {} : { vectorBytesMax }) },
  });
  const key = (id: string) => itemKey('AA', id);
  return {
    host,
    partition,
    put: (id, deep) => {
      const item = { id, deep };
      const body = Buffer.from(JSON.stringify(item));
      const intent = {
        kind: 'put' as const,
        priority: undefined,
        render: () => ({ body, parsed: item as never }),
      };
      return partition.write(key(id), () => intent);
    },
    remove: (id) => partition.write(key(id), () => ({ kind: 'delete' })),
    nearest: async (source, request) => {
      const vector = request.vector ?? [0, 0];
      const found = await source.nearest?.({
        path: ['deep', 'v'],
        vector,
        count: 3,
        beam: 64,
        isExact: true,
        ...request,
      });
      if (found === undefined) return undefined;
      const items = await source.load(found.numbers);
      return items
        .filter((item) => item !== undefined)
        .map((item) => JSON.parse(item.text.toString()) as { id: string; deep?: { v?: number[] } })
        .map(({ id, deep }) => ({
          id,
          distance: Math.hypot(...(deep?.v ?? [9e9]).map((x, i) => x - (vector[i] ?? 0))),
        }))
        .filter(({ distance }) => distance < 1e9)
        .sort((a, b) => a.distance - b.distance)
        .slice(0, request.count ?? 3)
        .map(({ id }) => id);
    },
  };
}

describe.each(['flat', 'diskANN'] as const)('%s', (indexType) => {
  test('finds what is there, whether or not the store has it, and follows every change', async () => {
    const node = await open(indexType);
    await Promise.all(Array.from({ length: 40 }, (_, i) => node.put(`i${i}`, { v: [i, 0] })));
    await node.put('no vector', { v: 'text' });
    await node.put('wrong length', { v: [0, 0, 0] });
    const first = await node.host.openSource(node.partition);
    expect(await node.nearest(first, {})).toEqual(['i0', 'i1', 'i2']);
    await node.put('i0', { v: [100, 0] });
    await node.remove('i1');
    await node.put('new', { v: [0.5, 0] });
    expect(await node.nearest(first, {}), 'an open source does not change').toEqual(['i0', 'i1', 'i2']);
    const second = await node.host.openSource(node.partition);
    expect(await node.nearest(second, {})).toEqual(['new', 'i2', 'i3']);
    expect(await node.nearest(first, {}), 'also when the view went ahead').toEqual(['i0', 'i1', 'i2']);
    await node.host.drain();
    await node.put('later', { v: [0, 0] });
    expect(await node.nearest(second, { vector: [100, 0], count: 1 })).toEqual(['i0']);
    const third = await node.host.openSource(node.partition);
    expect(await node.nearest(third, {})).toEqual(['later', 'new', 'i2']);
    for (const source of [first, second, third]) await source.close();
  });

  test('members alone are found when there are any', async () => {
    const node = await open(indexType);
    for (let i = 0; i < 10; i++) await node.put(`i${i}`, { v: [i, 0] });
    const source = await node.host.openSource(node.partition);
    const cursor = source.scanNumbers({});
    const numbers = (await cursor.next(100)).filter((_, place) => place % 2 === 1);
    await cursor.close();
    expect(await node.nearest(source, { members: new Set(numbers) })).toEqual(['i1', 'i3', 'i5']);
    await source.close();
  });

  test('any order of changes and queries gives what comparing all items gives', async () => {
    const node = await open(indexType);
    const truth = new Map<string, number[]>();
    let seed = 1;
    const random = () => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return seed / 2 ** 32;
    };
    for (let round = 0; round < 60; round++) {
      const writes: Promise<unknown>[] = [];
      for (let i = 0; i < 5; i++) {
        const id = `i${Math.floor(random() * 60)}`;
        if (truth.has(id) && random() < 0.3) {
          truth.delete(id);
          writes.push(node.remove(id));
        } else {
          const v = [random(), random()];
          truth.set(id, v);
          writes.push(node.put(id, { v }));
        }
      }
      const source = await node.host.openSource(node.partition);
      const x = random();
      const y = random();
      const vector = [x, y];
      const expected = [...truth]
        .map(([id, v]) => ({ id, distance: Math.hypot((v[0] ?? 0) - x, (v[1] ?? 0) - y) }))
        .sort((a, b) => a.distance - b.distance)
        .slice(0, 5)
        .map(({ id }) => id);
      const moved = [random(), random()];
      const late = node.put(`i${round % 60}`, { v: moved });
      truth.set(`i${round % 60}`, moved);
      expect(await node.nearest(source, { vector, count: 5 })).toEqual(expected);
      await source.close();
      await Promise.all([...writes, late]);
      if (random() < 0.2) await node.host.drain();
    }
  });
});

test('without room for the vectors there is no answer, and nothing is kept', async () => {
  const node = await open('flat', 1_000);
  for (let i = 0; i < 30; i++) await node.put(`i${i}`, { v: [i, 0] });
  const source = await node.host.openSource(node.partition);
  expect(await node.nearest(source, {})).toBeUndefined();
  expect(node.host.memory().vectorBytes).toBe(0);
  await source.close();
});

test('paths without an index, and vectors of another length, have no answer', async () => {
  const node = await open('flat');
  await node.put('i', { v: [1, 2] });
  const source = await node.host.openSource(node.partition);
  expect(await node.nearest(source, { path: ['v'] })).toBeUndefined();
  expect(await node.nearest(source, { vector: [1, 2, 3] })).toBeUndefined();
  await source.close();
});
