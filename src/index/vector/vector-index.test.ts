import { describe, expect, test } from 'vitest';
import type { VectorDistanceFunction } from '../../resource/index.ts';
import { VectorIndex } from './vector-index.ts';
import { isSimilarity, vectorScore } from './vector-similarity.ts';

/** Mulberry32. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Vectors around random centres, as embeddings of similar things are. */
function clustered(random: () => number, dimensions: number, clusters: number): () => number[] {
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const centres = Array.from({ length: clusters }, () => Array.from({ length: dimensions }, normal));
  return () => (centres[Math.floor(random() * clusters)] ?? []).map((x) => x + 0.3 * normal());
}

function bruteForce(
  items: ReadonlyMap<number, number[]>,
  query: number[],
  distanceFunction: VectorDistanceFunction,
  count: number,
): number[] {
  const sign = isSimilarity(distanceFunction) ? -1 : 1;
  return [...items]
    .map(([number, vector]) => ({
      number,
      score: sign * (vectorScore(vector, query, distanceFunction) ?? 0),
    }))
    .sort((a, b) => a.score - b.score)
    .slice(0, count)
    .map(({ number }) => number);
}

function indexOf(
  distanceFunction: VectorDistanceFunction,
  dimensions: number,
  random: () => number,
): VectorIndex {
  return new VectorIndex({
    dimensions,
    dataType: 'float32',
    distanceFunction,
    isApproximate: true,
    random,
  });
}

function finish(index: VectorIndex): void {
  while (index.hasWork) index.work(1_000);
}

/** Share of the true nearest that are found, and the comparisons of a search. */
function measure(
  index: VectorIndex,
  items: ReadonlyMap<number, number[]>,
  make: () => number[],
  distanceFunction: VectorDistanceFunction,
): { recall: number; comparisons: number } {
  const queries = 40;
  const count = 10;
  let found = 0;
  let comparisons = 0;
  for (let i = 0; i < queries; i++) {
    const query = make();
    const before = index.comparisons;
    const nearest = index.nearest(query, { count, beam: 64, isExact: false });
    comparisons += index.comparisons - before;
    expect(nearest.isExact).toBe(false);
    const truth = new Set(bruteForce(items, query, distanceFunction, count));
    found += nearest.numbers.filter((number) => truth.has(number)).length;
  }
  return { recall: found / (queries * count), comparisons: comparisons / queries };
}

describe('the graph', () => {
  test.each(['cosine', 'dotproduct', 'euclidean'] as const)(
    '%s: nine in ten are found with a tenth of the comparisons',
    (distanceFunction) => {
      const random = randomFrom(11);
      const make = clustered(random, 32, 60);
      const index = indexOf(distanceFunction, 32, random);
      const items = new Map<number, number[]>();
      for (let number = 0; number < 6_000; number++) {
        const vector = make();
        items.set(number, vector);
        index.set(number, vector);
      }
      finish(index);
      const { recall, comparisons } = measure(index, items, make, distanceFunction);
      expect(recall).toBeGreaterThanOrEqual(0.9);
      expect(comparisons * 10).toBeLessThanOrEqual(items.size);
    },
  );

  test('after most vectors were replaced or removed it still finds nine in ten, and only what is there', () => {
    const random = randomFrom(5);
    const make = clustered(random, 16, 40);
    const index = indexOf('euclidean', 16, random);
    const items = new Map<number, number[]>();
    for (let number = 0; number < 2_500; number++) items.set(number, make());
    for (const [number, vector] of items) index.set(number, vector);
    finish(index);
    for (let round = 0; round < 8; round++) {
      for (let i = 0; i < 500; i++) {
        const number = Math.floor(random() * 3_000);
        if (random() < 0.3) {
          items.delete(number);
          index.set(number, undefined);
        } else {
          const vector = make();
          items.set(number, vector);
          index.set(number, vector);
        }
        if (random() < 0.2) index.work(3);
      }
      expect(index.count).toBe(items.size);
    }
    finish(index);
    const { recall } = measure(index, items, make, 'euclidean');
    expect(recall).toBeGreaterThanOrEqual(0.9);
    const all = index.nearest(make(), { count: 5_000, beam: 5_000, isExact: false }).numbers;
    expect(all.sort((a, b) => a - b)).toEqual([...items.keys()].sort((a, b) => a - b));
    // Slots of removed vectors are used again: memory follows the items, not their history.
    expect(index.bytes).toBeLessThan(
      2 *
        4096 *
        VectorIndex.bytesPerItem({
          dimensions: 16,
          dataType: 'float32',
          isApproximate: true,
        }),
    );
  });

  test('one seed, one graph', () => {
    const build = () => {
      const random = randomFrom(3);
      const make = clustered(random, 8, 10);
      const index = indexOf('cosine', 8, random);
      for (let number = 0; number < 1_500; number++) index.set(number, make());
      finish(index);
      return index.nearest(make(), { count: 20, beam: 30, isExact: false }).numbers;
    };
    expect(build()).toEqual(build());
  });

  test('equal vectors are all found', () => {
    const index = indexOf('euclidean', 2, randomFrom(1));
    for (let number = 0; number < 3_000; number++) index.set(number, [number % 3, 0]);
    finish(index);
    const { numbers } = index.nearest([1, 0], { count: 50, beam: 100, isExact: false });
    expect(numbers).toHaveLength(50);
    expect(numbers.every((number) => number % 3 === 1)).toBe(true);
  });
});

describe('exact search', () => {
  test.each(['cosine', 'dotproduct', 'euclidean'] as const)(
    '%s agrees with the scores',
    (distanceFunction) => {
      const random = randomFrom(9);
      const make = clustered(random, 12, 5);
      const index = indexOf(distanceFunction, 12, random);
      const items = new Map<number, number[]>();
      for (let number = 0; number < 300; number++) items.set(number, make());
      for (const [number, vector] of items) index.set(number, vector);
      const query = make();
      const members = new Set([...items.keys()].filter((number) => number % 3 === 0));
      const wanted = bruteForce(items, query, distanceFunction, 300);
      const exact = (options: { count: number; members?: ReadonlySet<number> }) =>
        index.nearest(query, { beam: 10, isExact: true, ...options }).numbers;
      expect(exact({ count: 20 })).toEqual(wanted.slice(0, 20));
      expect(exact({ count: 20, members })).toEqual(wanted.filter((n) => members.has(n)).slice(0, 20));
    },
  );

  test('new vectors are found before they are in the graph', () => {
    const random = randomFrom(2);
    const make = clustered(random, 8, 10);
    const index = indexOf('euclidean', 8, random);
    for (let number = 0; number < 2_000; number++) index.set(number, make());
    finish(index);
    const vector = make();
    index.set(5_000, vector);
    expect(index.nearest(vector, { count: 1, beam: 20, isExact: false }).numbers).toEqual([5_000]);
    index.set(5_000, undefined);
    expect(index.nearest(vector, { count: 1, beam: 20, isExact: false }).numbers).not.toEqual([5_000]);
  });
});

test.each([
  ['int8', [1, -128, 127], true],
  ['int8', [1, 2, 128], false],
  ['int8', [1, 2, 0.5], false],
  ['uint8', [0, 255, 3], true],
  ['uint8', [-1, 2, 3], false],
  ['float16', [0.1, 0.2, 0.3], true],
  ['float32', [1e300, 0, 0], false],
] as const)('%s: %j is held: %s; if not, its item is always worth looking at', (dataType, vector, isHeld) => {
  const index = new VectorIndex({
    dimensions: 3,
    dataType,
    distanceFunction: 'cosine',
    isApproximate: false,
    random: () => 0,
  });
  index.set(1, vector);
  index.set(2, [1, 1, 1]);
  index.set(3, [1, 1]);
  const { numbers } = index.nearest([1, 1, 1], { count: 1, beam: 1, isExact: true });
  expect(numbers).toEqual(isHeld ? [2] : [2, 1]);
  index.set(1, undefined);
  expect(index.count).toBe(1);
});

test('scores: what has no meaning has no value', () => {
  expect(vectorScore([1, 0], [0, 1], 'cosine')).toBe(0);
  expect(vectorScore([1, 2], [2, 4], 'cosine')).toBeCloseTo(1, 12);
  expect(vectorScore([1, 2], [3, 4], 'dotproduct')).toBe(11);
  expect(vectorScore([1, 2], [4, 6], 'euclidean')).toBe(5);
  expect(vectorScore([1, 2], [1, 2, 3], 'euclidean')).toBeUndefined();
  expect(vectorScore([0, 0], [1, 2], 'cosine')).toBeUndefined();
  expect(vectorScore([1e200, 0], [1e200, 0], 'dotproduct')).toBeUndefined();
});
