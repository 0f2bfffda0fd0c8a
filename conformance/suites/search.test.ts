import type { Container, FeedOptions, SqlQuerySpec } from '@azure/cosmos';
import { beforeAll, describe, expect, test } from 'vitest';
import { connect, makeContainer, makeDatabase, refusal, SDKS } from '../harness/sdks.ts';
import { TestedServer } from '../harness/tested-server.ts';

/**
 * Vector, full-text and hybrid search, compared with what the test works out itself from all items. Words are
 * chosen so that stems and stop words leave no doubt.
 */

const DIMENSIONS = 8;
/** No more than each score contributes to a fusion, so that every row has all its ranks. */
const ROW_COUNT = 120;
const FUNCTIONS = ['cosine', 'dotproduct', 'euclidean'] as const;
type DistanceFunction = (typeof FUNCTIONS)[number];

interface Row {
  readonly id: string;
  readonly pk: string;
  readonly group: number;
  readonly text: string;
  readonly title: string;
  readonly cosine: readonly number[];
  readonly dotproduct: readonly number[];
  readonly euclidean: readonly number[];
}

const WORDS = [
  'mountain',
  'bicycle',
  'lake',
  'garden',
  'winter',
  'orange',
  'guitar',
  'window',
  'planet',
  'river',
];

let seed = 20_26;
function random(): number {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return seed / 2 ** 32;
}

function vector(): number[] {
  return Array.from({ length: DIMENSIONS }, () => Math.round((random() * 2 - 1) * 1_000) / 1_000);
}

/** Lengths differ, since scores depend on them, and words follow a steep distribution. */
function text(): string {
  const length = 3 + Math.floor(random() * 12);
  return Array.from({ length }, () => WORDS[Math.floor(random() ** 2 * WORDS.length)]).join(' ');
}

const ROWS: readonly Row[] = Array.from({ length: ROW_COUNT }, (_, index) => {
  const same = vector();
  return {
    id: `row-${index}`,
    pk: `key-${index % 30}`,
    group: index % 4,
    text: text(),
    title: text(),
    cosine: same,
    dotproduct: same,
    euclidean: same,
  };
});

const QUERY = vector();

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, x, i) => sum + x * (b[i] ?? 0), 0);
}

function similarity(kind: DistanceFunction, a: readonly number[], b: readonly number[]): number {
  if (kind === 'dotproduct') return dot(a, b);
  if (kind === 'cosine') return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
  return Math.sqrt(a.reduce((sum, x, i) => sum + (x - (b[i] ?? 0)) ** 2, 0));
}

/** Best first. */
function nearest(kind: DistanceFunction, rows: readonly Row[] = ROWS): Row[] {
  const sign = kind === 'euclidean' ? 1 : -1;
  const scored = rows.map((row) => ({ row, score: sign * similarity(kind, row[kind], QUERY) }));
  return scored.sort((a, b) => a.score - b.score).map(({ row }) => row);
}

function wordsOf(value: string): string[] {
  return value.split(' ');
}

/** Okapi BM25 with the figures of all these rows, with the constants 1.2 and 0.75. */
function bm25(
  property: 'text' | 'title',
  terms: readonly string[],
  all: readonly Row[] = ROWS,
): Map<string, number> {
  const total = all.reduce((sum, row) => sum + wordsOf(row[property]).length, 0);
  const average = total / all.length;
  const scores = new Map<string, number>();
  for (const row of all) {
    const words = wordsOf(row[property]);
    let score = 0;
    for (const term of terms) {
      const frequency = words.filter((word) => word === term).length;
      const hits = all.filter((other) => wordsOf(other[property]).includes(term)).length;
      const weight = Math.log(1 + (all.length - hits + 0.5) / (hits + 0.5));
      score += (weight * frequency * 2.2) / (frequency + 1.2 * (0.25 + (0.75 * words.length) / average));
    }
    scores.set(row.id, score);
  }
  return scores;
}

/** Reciprocal rank fusion over all rows; equal scores have one rank. */
function fused(components: readonly ReadonlyMap<string, number>[], weights?: readonly number[]): string[] {
  const total = new Map<string, number>(ROWS.map(({ id }) => [id, 0]));
  components.forEach((scores, component) => {
    const distinct = [...new Set(scores.values())].sort((a, b) => b - a);
    for (const { id } of ROWS) {
      const rank = distinct.indexOf(scores.get(id) ?? 0) + 1;
      total.set(id, (total.get(id) ?? 0) + (weights?.[component] ?? 1) / (60 + rank));
    }
  });
  return [...total].sort((a, b) => b[1] - a[1]).map(([id]) => id);
}

const POLICIES = {
  vectorEmbeddingPolicy: {
    vectorEmbeddings: FUNCTIONS.map((distanceFunction) => ({
      path: `/${distanceFunction}`,
      dataType: 'float32',
      dimensions: DIMENSIONS,
      distanceFunction,
    })),
  },
  fullTextPolicy: {
    defaultLanguage: 'en-US',
    fullTextPaths: [
      { path: '/text', language: 'en-US' },
      { path: '/title', language: 'en-US' },
    ],
  },
  indexingPolicy: {
    vectorIndexes: [
      { path: '/cosine', type: 'flat' },
      { path: '/dotproduct', type: 'quantizedFlat' },
      { path: '/euclidean', type: 'diskANN' },
    ],
    fullTextIndexes: [{ path: '/text' }, { path: '/title' }],
  },
};

const server = TestedServer.during();

describe.each(SDKS)('@azure/cosmos $version', ({ sdk }) => {
  let indexed: Container;
  let plain: Container;

  beforeAll(async () => {
    const database = await makeDatabase(connect(sdk, { endpoint: server.endpoint }));
    indexed = await makeContainer(database, { throughput: 25_000, more: POLICIES });
    plain = await makeContainer(database, { throughput: 25_000 });
    for (const container of [indexed, plain])
      await Promise.all(ROWS.map((row) => container.items.create(row)));
  });

  async function ids(
    container: Container,
    query: string | SqlQuerySpec,
    options?: FeedOptions,
  ): Promise<string[]> {
    const { resources } = await container.items.query<{ id: string }>(query, options).fetchAll();
    return resources.map(({ id }) => id);
  }

  describe.each(['an index', 'no policy'])('with %s', (kind) => {
    const container = () => (kind === 'an index' ? indexed : plain);
    const asked = (property: DistanceFunction) =>
      kind === 'an index'
        ? `VectorDistance(c.${property}, @q)`
        : `VectorDistance(c.${property}, @q, false, {distanceFunction: "${property}"})`;
    const parameters = [{ name: '@q', value: QUERY }];

    test.each(FUNCTIONS)('the nearest by %s, over all ranges, by TOP and by LIMIT', async (property) => {
      const wanted = nearest(property).map(({ id }) => id);
      const order = `ORDER BY ${asked(property)}`;
      const top = { query: `SELECT TOP 12 c.id FROM c ${order}`, parameters };
      expect(await ids(container(), top)).toEqual(wanted.slice(0, 12));
      expect(await ids(container(), top, { forceQueryPlan: true, maxItemCount: 5 })).toEqual(
        wanted.slice(0, 12),
      );
      const window = { query: `SELECT c.id FROM c ${order} OFFSET 4 LIMIT 9`, parameters };
      expect(await ids(container(), window)).toEqual(wanted.slice(4, 13));
    });

    test('with a filter there are as many rows as asked for, and their scores', async () => {
      const rows = nearest(
        'euclidean',
        ROWS.filter(({ group }) => group === 2),
      ).slice(0, 10);
      const query = {
        query:
          `SELECT TOP 10 c.id, ${asked('euclidean')} AS score FROM c WHERE c.group = 2 ` +
          `ORDER BY ${asked('euclidean')}`,
        parameters,
      };
      const { resources } = await container().items.query<{ id: string; score: number }>(query).fetchAll();
      expect(resources.map(({ id }) => id)).toEqual(rows.map(({ id }) => id));
      resources.forEach(({ score }, i) => {
        expect(score).toBeCloseTo(similarity('euclidean', rows[i]?.euclidean ?? [], QUERY), 9);
      });
    });

    test('within one partition key', async () => {
      const rows = nearest(
        'cosine',
        ROWS.filter(({ pk }) => pk === 'key-7'),
      ).slice(0, 4);
      const query = { query: `SELECT TOP 4 * FROM c ORDER BY ${asked('cosine')}`, parameters };
      expect(await ids(container(), query, { partitionKey: 'key-7' })).toEqual(rows.map(({ id }) => id));
    });

    test('within one partition key, by texts', async () => {
      const mine = ROWS.filter(({ pk }) => pk === 'key-7');
      const scores = bm25('text', ['mountain', 'bicycle'], mine);
      const query = 'SELECT * FROM c ORDER BY RANK FullTextScore(c.text, "mountain", "bicycle")';
      for (const maxItemCount of [1, 100]) {
        const found = await ids(container(), query, { partitionKey: 'key-7', maxItemCount });
        expect([...found].sort()).toEqual(mine.map(({ id }) => id).sort());
        const falling = [...scores.values()].sort((x, y) => y - x);
        found.forEach((id, i) => {
          expect(scores.get(id)).toBeCloseTo(falling[i] ?? 0, 9);
        });
      }
      const both =
        'SELECT TOP 1 VALUE c.id FROM c ORDER BY ' +
        `RANK RRF(FullTextScore(c.text, "mountain"), ${asked('cosine')}, [0, 1])`;
      const options = { partitionKey: 'key-7' };
      const { resources } = await container().items.query({ query: both, parameters }, options).fetchAll();
      expect(resources).toEqual([nearest('cosine', mine)[0]?.id]);
    });

    test.each<[condition: string, holds: (words: string[]) => boolean]>([
      ['FullTextContains(c.text, "planet")', (words) => words.includes('planet')],
      ['FullTextContains(c.text, "Planets")', (words) => words.includes('planet')],
      ['FullTextContains(c.text, "mountain lake")', (words) => words.join(' ').includes('mountain lake')],
      ['FullTextContainsAll(c.text, "lake", "river")', (w) => w.includes('lake') && w.includes('river')],
      ['FullTextContainsAny(c.text, "window", "river")', (w) => w.includes('window') || w.includes('river')],
      ['NOT FullTextContains(c.text, "mountain")', (words) => !words.includes('mountain')],
    ])('%s', async (condition, holds) => {
      const wanted = ROWS.filter((row) => holds(wordsOf(row.text))).map(({ id }) => id);
      expect(wanted.length).toBeGreaterThan(0);
      const found = await ids(container(), `SELECT c.id FROM c WHERE ${condition}`);
      expect(found.sort()).toEqual(wanted.sort());
    });

    test('ranked by one text score', async () => {
      const scores = bm25('text', ['planet', 'guitar']);
      const query = 'SELECT TOP 15 c.id FROM c ORDER BY RANK FullTextScore(c.text, "planet", "guitars")';
      const found = await ids(container(), query);
      const best = [...scores.values()].sort((a, b) => b - a).slice(0, 15);
      expect(found).toHaveLength(15);
      found.forEach((id, i) => {
        expect(scores.get(id)).toBeCloseTo(best[i] ?? 0, 9);
      });
    });

    test('ranked by two texts and a vector, fused', async () => {
      const near = new Map(ROWS.map((row) => [row.id, similarity('cosine', row.cosine, QUERY)]));
      const components = [bm25('text', ['lake']), bm25('title', ['garden', 'winter']), near];
      const scores = (weights: string) =>
        'SELECT TOP 10 c.id, c.text FROM c ORDER BY RANK RRF(FullTextScore(c.text, "lake"), ' +
        `FullTextScore(c.title, "garden", "winter"), ${asked('cosine')}${weights})`;
      expect(await ids(container(), { query: scores(''), parameters })).toEqual(
        fused(components).slice(0, 10),
      );
      const weights = [3, 1, 0.5];
      expect(await ids(container(), { query: scores(', [3, 1, 0.5]'), parameters })).toEqual(
        fused(components, weights).slice(0, 10),
      );
      const offset = { query: `${scores('').replace('TOP 10 ', '')} OFFSET 3 LIMIT 4`, parameters };
      expect(await ids(container(), offset)).toEqual(fused(components).slice(3, 7));
    });

    test('ranked with a filter, as whole items', async () => {
      const scores = bm25('text', ['planet']);
      const query =
        'SELECT TOP 5 * FROM c WHERE FullTextContains(c.text, "planet") AND c.group < 2 ' +
        'ORDER BY RANK RRF (FullTextScore(c.text, "planet"), FullTextScore(c.title, "lake"))';
      const { resources } = await container().items.query<Row & { _rid: string }>(query).fetchAll();
      expect(resources).toHaveLength(5);
      for (const row of resources) {
        expect(row.group).toBeLessThan(2);
        expect(scores.get(row.id)).toBeGreaterThan(0);
        expect(row._rid).toBeTypeOf('string');
      }
    });
  });

  test.each([
    ['SELECT TOP 2 c.id FROM c ORDER BY VectorDistance(c.cosine, @q)', '/cosine', {}],
    ['SELECT c.id FROM c WHERE FullTextContains(c.text, "lake")', '/text', {}],
    [
      'SELECT TOP 2 c.id FROM c ORDER BY RANK FullTextScore(c.title, "lake")',
      '/title',
      { partitionKey: 'key-7' },
    ],
  ])('index metrics name the index: %s', async (query, path, scope) => {
    const spec = { query, parameters: [{ name: '@q', value: QUERY }] };
    const options = { ...scope, populateIndexMetrics: true };
    const { indexMetrics } = await indexed.items.query(spec, options).fetchNext();
    expect(indexMetrics).toContain(path);
  });

  test('writes are seen at once by an index that is in use', async () => {
    const query = {
      query: 'SELECT TOP 1 c.id FROM c ORDER BY VectorDistance(c.euclidean, @q)',
      parameters: [{ name: '@q', value: QUERY.map((x) => x + 5) }],
    };
    const near = { ...ROWS[0], id: 'moved', pk: 'key-1', euclidean: QUERY.map((x) => x + 5) };
    await indexed.items.create(near);
    expect(await ids(indexed, query)).toEqual(['moved']);
    await indexed.items.upsert({ ...near, euclidean: QUERY.map((x) => x + 500) });
    expect(await ids(indexed, query)).not.toEqual(['moved']);
    await indexed.item('moved', 'key-1').delete();
    expect(await ids(indexed, query)).not.toEqual(['moved']);
  });

  test.each([
    ['SELECT TOP 1 * FROM c ORDER BY RANK c.text', 'SC2240'],
    ['SELECT TOP 1 * FROM c ORDER BY RANK FullTextScore(c.text)', 'SC2240'],
    ['SELECT TOP 1 * FROM c ORDER BY RANK RRF(FullTextScore(c.text, "a"))', 'SC2240'],
    [
      'SELECT TOP 1 * FROM c ORDER BY RANK RRF(FullTextScore(c.text, "a"), FullTextScore(c.text, "b"), [1])',
      'SC2240',
    ],
    ['SELECT TOP 1 * FROM c ORDER BY VectorDistance(c.cosine, [1]) DESC', 'SC2206'],
  ])('%s is refused', async (query, code) => {
    const error = await refusal(indexed.items.query(query).fetchAll());
    expect(error).toMatchObject({ code: 400 });
    expect(JSON.stringify(error)).toContain(code);
  });

  test.each([
    [{ fullTextPolicy: { defaultLanguage: 'tlh-KX' } }, 'language'],
    [{ indexingPolicy: { vectorIndexes: [{ path: '/v', type: 'flat' }] } }, 'not matching in Embedding'],
    [{ indexingPolicy: { fullTextIndexes: [{ path: '/t' }] } }, 'full-text policy'],
  ])('%j is refused', async (more, reason) => {
    const { database } = indexed;
    const error = await refusal(makeContainer(database, { more }));
    expect(error).toMatchObject({ code: 400 });
    expect(String(error.message)).toContain(reason);
  });
});
