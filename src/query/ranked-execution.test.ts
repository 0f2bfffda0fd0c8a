import { describe, expect, test } from 'vitest';
import {
  ArraySource,
  DEFAULT_POLICY,
  page,
  pages,
  randomSource,
  values,
} from '../../test/kit/array-source.ts';
import type { Json, JsonObject } from '../base/index.ts';
import { VectorIndex, vectorScore } from '../index/index.ts';
import type { SearchPolicies, VectorEmbedding } from '../resource/index.ts';
import { beginEnvironment } from './environment.ts';
import type { Nearest, NearestRequest } from './source.ts';

const EMBEDDING: VectorEmbedding = {
  path: ['v'],
  dataType: 'float32',
  dimensions: 4,
  distanceFunction: 'euclidean',
  indexType: 'flat',
};

interface Item extends JsonObject {
  id: string;
  pk: string;
  group: number;
  v?: number[];
  text: string;
}

/** Items in memory with a vector index that is kept beside them. */
class VectorSource extends ArraySource {
  asked = 0;
  readonly #index: VectorIndex | undefined;

  constructor(items: readonly JsonObject[], embedding: VectorEmbedding | undefined) {
    super(items, DEFAULT_POLICY);
    if (embedding === undefined) return;
    const isApproximate = embedding.indexType === 'diskANN';
    this.#index = new VectorIndex({ ...embedding, isApproximate, random: () => 0.5 });
    for (const { number, text } of this.items.values()) {
      this.#index.set(number, (JSON.parse(text.toString()) as Item).v);
    }
    while (this.#index.hasWork) this.#index.work(1_000);
  }

  nearest({ vector, ...request }: NearestRequest): Promise<Nearest | undefined> {
    this.asked++;
    return Promise.resolve(this.#index?.nearest(vector, request));
  }
}

let names = 0;
function environmentOf(embedding: VectorEmbedding) {
  const search: SearchPolicies = { embeddings: [embedding], defaultLanguage: 'en', textPaths: [] };
  // Names of remembered rankings must differ.
  const random = () => (names++ % 1_000_003) / 1_000_003;
  return beginEnvironment({ nowMs: () => 0, random }, { search });
}

function randomItems(seed: number, count: number): Item[] {
  const random = randomSource(seed);
  const unit = () => random(1_000_000) / 1_000_000 - 0.5;
  return Array.from({ length: count }, (_, i) => ({
    id: String(i),
    pk: String(random(5)),
    group: random(10),
    text: ['red bicycle', 'blue bicycle', 'red mountain mountain', 'sea'][random(4)] ?? '',
    ...(random(10) === 0 ? {} : { v: [unit(), unit(), unit(), unit()] }),
  }));
}

function expected(
  items: readonly Item[],
  query: readonly number[],
  { distanceFunction }: VectorEmbedding,
  isWanted: (item: Item) => boolean,
): string[] {
  const sign = distanceFunction === 'euclidean' ? 1 : -1;
  return items
    .filter((item) => item.v !== undefined && isWanted(item))
    .map((item) => ({ id: item.id, score: sign * (vectorScore(item.v ?? [], query, distanceFunction) ?? 0) }))
    .sort((a, b) => a.score - b.score || Number(a.id) - Number(b.id))
    .map(({ id }) => id);
}

const FILTERS: readonly [where: string, holds: (item: Item) => boolean][] = [
  ['', () => true],
  ['WHERE c.group = 3', ({ group }) => group === 3],
  ['WHERE c.group >= 2', ({ group }) => group >= 2],
  ['WHERE c.group = 3 AND LENGTH(c.text) > 5', ({ group, text }) => group === 3 && text.length > 5],
  ['WHERE LENGTH(c.text) < 5', ({ text }) => text.length < 5],
  ['WHERE c.id = "17"', ({ id }) => id === '17'],
  ['WHERE c.none = 1', () => false],
];

describe.each(['cosine', 'dotproduct', 'euclidean'] as const)('VectorDistance by %s', (distanceFunction) => {
  test.each([
    ['no index', undefined, 400],
    ['flat', 'flat', 400],
    ['diskANN', 'diskANN', 1_500],
  ] as const)(
    '%s: with any filter the first rows are those of comparing all',
    async (_, indexType, count) => {
      const embedding: VectorEmbedding = { ...EMBEDDING, distanceFunction, indexType: indexType ?? 'flat' };
      const items = randomItems(count, count);
      const source = new VectorSource(items, indexType === undefined ? undefined : embedding);
      const vector = [0.1, 0.2, -0.3, 0.4];
      for (const [where, holds] of FILTERS) {
        for (const epkRange of [undefined, { min: '1', max: '3' }]) {
          const isWanted = (item: Item) =>
            holds(item) && (epkRange === undefined || (item.pk >= epkRange.min && item.pk < epkRange.max));
          const truth = expected(items, vector, embedding, isWanted);
          const options = {
            environment: environmentOf(embedding),
            parameters: { '@v': vector },
            ...(epkRange === undefined ? {} : { epkRange }),
          };
          const query = (clause: string) =>
            `SELECT ${clause} VALUE c.id FROM c ${where} ORDER BY VectorDistance(c.v, @v)`;
          expect(await values(source, query('TOP 10'), options), where).toEqual(truth.slice(0, 10));
          const all = await values(source, query(''), { ...options, itemCountMax: 7 });
          expect(all, where).toEqual(truth);
          const window = await values(source, `${query('')} OFFSET 3 LIMIT 5`, {
            ...options,
            itemCountMax: 2,
          });
          expect(window, where).toEqual(truth.slice(3, 8));
        }
      }
      if (indexType !== undefined) expect(source.asked).toBeGreaterThan(0);
    },
  );
});

describe('what an index saves', () => {
  const items = randomItems(7, 2_000);
  const source = new VectorSource(items, EMBEDDING);
  const query = (where: string) =>
    `SELECT TOP 10 VALUE c.id FROM c ${where} ORDER BY VectorDistance(c.v, [0, 0, 0, 0.1])`;

  test.each([
    ['', 40],
    ['WHERE c.group = 3', 40],
    ['WHERE LENGTH(c.text) < 5', 250],
  ])('%s: at most %i of 2,000 items are read', async (where, loadsMax) => {
    source.loads = 0;
    await page(source, query(where), { environment: environmentOf(EMBEDDING) });
    expect(source.loads).toBeLessThanOrEqual(loadsMax);
  });

  test('pages after the first read their own rows only', async () => {
    const environment = environmentOf(EMBEDDING);
    const top = query('').replace('TOP 10', 'TOP 100');
    const first = await page(source, top, { environment, itemCountMax: 10 });
    source.loads = 0;
    const second = await page(source, top, {
      environment,
      itemCountMax: 10,
      continuation: first.continuation ?? '',
    });
    expect(second.rows).toHaveLength(10);
    expect(source.loads).toBe(10);
  });
});

test('rows change between pages: what is gone is left out, what does not fit any more too', async () => {
  const items = randomItems(3, 50).map((item) => ({ ...item, v: [Number(item.id), 0, 0, 0] }));
  const source = new VectorSource(items, EMBEDDING);
  const query =
    'SELECT TOP 30 VALUE c.id FROM c WHERE c.group < 9 ORDER BY VectorDistance(c.v, [0, 0, 0, 0])';
  const environment = environmentOf(EMBEDDING);
  const first = await page(source, query, { environment, itemCountMax: 5 });
  const kept = items.filter((item) => item.group < 9);
  const gone = kept[6];
  const number = [...source.items.values()].find(({ text }) => text.includes(`"id":"${gone?.id}"`))?.number;
  source.items.delete(number ?? -1);
  const second = await page(source, query, {
    environment,
    itemCountMax: 5,
    continuation: first.continuation ?? '',
  });
  const wanted = [...kept.slice(5, 6), ...kept.slice(7, 11)].map((item) => item.id);
  expect(second.rows.map((row) => JSON.parse(row.toString()) as Json)).toEqual(wanted);
});

test('_FullTextScore: the best texts first, those without the words last, those without a text not at all', async () => {
  const items: JsonObject[] = [
    { id: 'none', pk: '0', text: 'sea' },
    { id: 'once', pk: '0', text: 'red bicycle' },
    { id: 'no text', pk: '0', text: 3 },
    { id: 'twice', pk: '0', text: 'bicycle bicycle' },
  ];
  const source = new ArraySource(items, DEFAULT_POLICY);
  const query =
    'SELECT TOP 10 VALUE c.id FROM c ORDER BY _FullTextScore(c.text, ["bicycles"], 4, 5, [2]) DESC';
  expect(await values(source, query)).toEqual(['twice', 'once', 'none']);
});

test.each([
  ['SELECT TOP 1 * FROM c ORDER BY VectorDistance(c.v, [1]) DESC', 'ASC and DESC cannot be used'],
  ['SELECT TOP 1 * FROM c ORDER BY VectorDistance(c.v, [1]), c.a', 'another term'],
  ['SELECT DISTINCT TOP 1 c.a FROM c ORDER BY VectorDistance(c.v, [1])', 'DISTINCT'],
  ['SELECT TOP 1 * FROM x IN c.list ORDER BY VectorDistance(x.v, [1])', 'whole items'],
  ['SELECT TOP 1 * FROM c ORDER BY VectorDistance(c.v)', 'argument'],
  ['SELECT TOP 1 * FROM c ORDER BY VectorDistance(c.v, udf.f(c))', 'user-defined function'],
  ['SELECT TOP 1 * FROM c ORDER BY VectorDistance(c.v, [1], false, c.options)', 'no constants'],
])('%s is refused', async (query, reason) => {
  const source = new ArraySource([], DEFAULT_POLICY);
  await expect(pages(source, query, { environment: environmentOf(EMBEDDING) })).rejects.toThrow(reason);
});
