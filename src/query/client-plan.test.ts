import { describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '../base/index.ts';
import {
  effectivePartitionKey,
  type PartitionKeyDefinition,
  partitionKeyRange,
  type SearchPolicies,
} from '../resource/index.ts';
import { parseFeatures } from './client-features.ts';
import { isServableAcrossPartitions, planForClient } from './client-plan.ts';
import { compileQuery } from './compiled-query.ts';
import { NO_ENVIRONMENT } from './environment.ts';
import { evaluateOverResources, matchesCondition } from './resource-query.ts';

const BY_PK: PartitionKeyDefinition = { paths: ['/pk'], kind: 'Hash', version: 2 };
const NESTED: PartitionKeyDefinition = { paths: ['/a b/c'], kind: 'Hash', version: 1 };
const HIERARCHY: PartitionKeyDefinition = { paths: ['/t', '/u', '/s'], kind: 'MultiHash', version: 2 };

const NO_SEARCH: SearchPolicies = { embeddings: [], defaultLanguage: 'en', textPaths: [] };
const BY_PK_TARGET = { partitionKey: BY_PK, search: NO_SEARCH };

function plan(
  query: string,
  parameters: JsonObject = {},
  definition = BY_PK,
): { queryInfo: JsonObject; queryRanges: Json } {
  const spec = { query, parameters: Object.entries(parameters).map(([name, value]) => ({ name, value })) };
  const result = planForClient(spec, { partitionKey: definition, search: NO_SEARCH });
  expect(result.partitionedQueryExecutionInfoVersion).toBe(2);
  return JSON.parse(JSON.stringify(result)) as { queryInfo: JsonObject; queryRanges: Json };
}

const NOTHING_TO_DO = {
  distinctType: 'None',
  top: null,
  offset: null,
  limit: null,
  orderBy: [],
  orderByExpressions: [],
  groupByExpressions: [],
  groupByAliases: [],
  groupByAliasToAggregateType: {},
  aggregates: [],
  rewrittenQuery: '',
  hasSelectValue: false,
  dCountInfo: null,
  hasNonStreamingOrderBy: false,
};

const ORDERED = { orderBy: ['Ascending'], orderByExpressions: ['c.a'] };
const FILTER = '({documentdb-formattableorderbyquery-filter})';

describe('what a client has to do', () => {
  test.each<[query: string, info: JsonObject]>([
    ['SELECT * FROM c', {}],
    ['SELECT VALUE c.a FROM c WHERE c.b = 1', { hasSelectValue: true }],
    ['SELECT TOP 5 * FROM c', { top: 5 }],
    ['SELECT TOP @n * FROM c', { top: 7 }],
    [
      'SELECT * FROM c OFFSET 2 LIMIT 3',
      { offset: 2, limit: 3, rewrittenQuery: 'SELECT * FROM c OFFSET 0 LIMIT 5' },
    ],
    [
      'SELECT VALUE c.a FROM c WHERE c.a>1 OFFSET @n LIMIT 3',
      {
        offset: 7,
        limit: 3,
        hasSelectValue: true,
        rewrittenQuery: 'SELECT VALUE c.a FROM c WHERE c.a > 1 OFFSET 0 LIMIT 10',
      },
    ],
    ['SELECT * FROM c WHERE c.pk = "x" OFFSET 2 LIMIT 3', {}],
    [
      'SELECT * FROM c ORDER BY c.a',
      {
        ...ORDERED,
        rewrittenQuery:
          'SELECT c._rid, [{"item": c.a}] AS orderByItems, c AS payload FROM c ' +
          `WHERE (${FILTER}) ORDER BY c.a ASC`,
      },
    ],
    [
      'SELECT TOP 3 f.x, f["y z"], f.n + 1 FROM Families AS f WHERE f.b = "q" OR f.b = 2 ORDER BY f.a.b DESC',
      {
        top: 3,
        orderBy: ['Descending'],
        orderByExpressions: ['f.a.b'],
        rewrittenQuery:
          'SELECT TOP 3 f._rid, [{"item": f.a.b}] AS orderByItems, ' +
          '{"x": f.x, "y z": f["y z"], "$1": f.n + 1} AS payload FROM Families AS f ' +
          `WHERE ((f.b = "q" OR f.b = 2) AND ${FILTER}) ORDER BY f.a.b DESC`,
      },
    ],
    [
      'SELECT VALUE c.b FROM c WHERE c.b > 1 ORDER BY c.a OFFSET 1 LIMIT 2',
      {
        ...ORDERED,
        offset: 1,
        limit: 2,
        hasSelectValue: true,
        rewrittenQuery:
          'SELECT c._rid, [{"item": c.a}] AS orderByItems, c.b AS payload FROM c ' +
          `WHERE ((c.b > 1) AND IS_DEFINED(c.b) AND ${FILTER}) ORDER BY c.a ASC OFFSET 0 LIMIT 3`,
      },
    ],
    [
      'SELECT * FROM c WHERE c.pk = 1 ORDER BY c.a OFFSET 1 LIMIT 2',
      {
        ...ORDERED,
        rewrittenQuery:
          'SELECT c._rid, [{"item": c.a}] AS orderByItems, c AS payload FROM c ' +
          `WHERE ((c.pk = 1) AND ${FILTER}) ORDER BY c.a ASC OFFSET 1 LIMIT 2`,
      },
    ],
    [
      'SELECT VALUE COUNT(1) FROM c',
      {
        aggregates: ['Count'],
        hasSelectValue: true,
        rewrittenQuery: 'SELECT VALUE [{"item": COUNT(1)}] FROM c',
      },
    ],
    [
      'SELECT TOP 1 VALUE sum(c.a) FROM c WHERE c.b = 1 ORDER BY c.a',
      {
        top: 1,
        aggregates: ['Sum'],
        hasSelectValue: true,
        rewrittenQuery: 'SELECT VALUE [{"item": SUM(c.a)}] FROM c WHERE c.b = 1',
      },
    ],
    [
      'SELECT VALUE AVG(c.a) FROM c OFFSET 1 LIMIT 2',
      {
        ...{ aggregates: ['Average'], hasSelectValue: true, offset: 1, limit: 2 },
        rewrittenQuery: 'SELECT VALUE [{"item": {"sum": SUM(c.a), "count": COUNT(c.a)}}] FROM c',
      },
    ],
    [
      'SELECT VALUE MIN(c.a) FROM c',
      {
        ...{ aggregates: ['Min'], hasSelectValue: true },
        rewrittenQuery:
          'SELECT VALUE [{"item": MIN(c.a), "item2": {"min": MIN(c.a), "count": COUNT(c.a)}}] FROM c',
      },
    ],
    [
      'SELECT COUNT(1), MAX(c.a) AS top, MAKESET(c.b) FROM c WHERE c.pk = "x"',
      {
        groupByAliases: ['$1', 'top', '$2'],
        groupByAliasToAggregateType: { $1: 'Count', top: 'Max', $2: 'MakeSet' },
        rewrittenQuery:
          'SELECT {"$1": {"item": COUNT(1)}, ' +
          '"top": {"item": MAX(c.a), "item2": {"max": MAX(c.a), "count": COUNT(c.a)}}, ' +
          '"$2": {"item": MAKESET(c.b)}} AS payload FROM c WHERE c.pk = "x"',
      },
    ],
    ['SELECT DISTINCT c.a FROM c', { distinctType: 'Unordered' }],
    [
      'SELECT DISTINCT TOP 3 VALUE c.a FROM c',
      {
        ...{ distinctType: 'Unordered', top: 3, hasSelectValue: true },
        rewrittenQuery: 'SELECT DISTINCT VALUE c.a FROM c',
      },
    ],
    [
      'SELECT DISTINCT c.a FROM c WHERE c.pk = 1 OFFSET 1 LIMIT 2',
      {
        ...{ distinctType: 'Unordered', offset: 1, limit: 2 },
        rewrittenQuery: 'SELECT DISTINCT c.a FROM c WHERE c.pk = 1',
      },
    ],
    [
      'SELECT DISTINCT VALUE c["a"] FROM c ORDER BY c.a OFFSET 1 LIMIT 2',
      {
        ...{ ...ORDERED, distinctType: 'Ordered', offset: 1, limit: 2, hasSelectValue: true },
        rewrittenQuery:
          'SELECT c._rid, [{"item": c.a}] AS orderByItems, c.a AS payload FROM c ' +
          `WHERE (IS_DEFINED(c.a) AND ${FILTER}) ORDER BY c.a ASC`,
      },
    ],
    [
      'SELECT TOP 9 c.b, t FROM c JOIN t IN c.tags WHERE t > 1 ORDER BY c.a, c.b DESC',
      {
        ...{ top: 9, orderBy: ['Ascending', 'Descending'], orderByExpressions: ['c.a', 'c.b'] },
        rewrittenQuery:
          'SELECT TOP 9 c._rid, [{"item": c.a}, {"item": c.b}] AS orderByItems, {"b": c.b, "t": t} AS payload ' +
          `FROM c JOIN t IN c.tags WHERE ((t > 1) AND ${FILTER}) ORDER BY c.a ASC, c.b DESC`,
      },
    ],
    [
      'SELECT c.k, COUNT(1) AS n FROM c WHERE c.x = 1 GROUP BY c.k',
      {
        groupByExpressions: ['c.k'],
        groupByAliases: ['k', 'n'],
        groupByAliasToAggregateType: { k: null, n: 'Count' },
        rewrittenQuery:
          'SELECT [{"item": c.k}] AS groupByItems, {"k": c.k, "n": {"item": COUNT(1)}} AS payload ' +
          'FROM c WHERE c.x = 1 GROUP BY c.k',
      },
    ],
    [
      'SELECT VALUE c.k FROM c GROUP BY c.k OFFSET 1 LIMIT 2',
      {
        ...{ groupByExpressions: ['c.k'], hasSelectValue: true, offset: 1, limit: 2 },
        rewrittenQuery: 'SELECT [{"item": c.k}] AS groupByItems, c.k AS payload FROM c GROUP BY c.k',
      },
    ],
    [
      'SELECT VALUE AVG(c.a) FROM c GROUP BY c.k, c.l',
      {
        ...{ groupByExpressions: ['c.k', 'c.l'], aggregates: ['Average'], hasSelectValue: true },
        rewrittenQuery:
          'SELECT [{"item": c.k}, {"item": c.l}] AS groupByItems, ' +
          '[{"item": {"sum": SUM(c.a), "count": COUNT(c.a)}}] AS payload FROM c GROUP BY c.k, c.l',
      },
    ],
    ['SELECT c.id, (SELECT VALUE COUNT(1) FROM t IN c.tags) AS n FROM c', {}],
  ])('%s', (query, info) => {
    expect(plan(query, { '@n': 7 }).queryInfo).toEqual({ ...NOTHING_TO_DO, ...info });
  });

  test.each([
    ['SELECT VALUE ABS(AVG(c.a)) FROM c', 'Compositions of aggregates'],
    ['SELECT SUM(c.a) + 1 FROM c', 'Compositions of aggregates'],
    ['SELECT * FROM c ORDER BY c.a + 1', 'SC2206'],
    ['SELECT c.a FROM c GROUP BY c.b', 'SC2102'],
    ['SELECT * FROM c GROUP BY c.b', 'SC2041'],
    ['SELECT COUNT(SUM(c.a)) FROM c', 'SC2101'],
    ['SELECT (SELECT VALUE t FROM t IN c.tags ORDER BY t) FROM c', 'SC2202'],
    ['SELECT (SELECT TOP 1 VALUE t FROM t IN c.tags) FROM c', 'SC2203'],
    ['SELECT (SELECT VALUE t FROM t IN c.tags OFFSET 1 LIMIT 1) FROM c', 'SC2204'],
    ['SELECT VALUE COUNT(1) FROM (SELECT DISTINCT c.a FROM c) AS s', 'groups or is DISTINCT'],
    ['SELECT t FROM c JOIN t IN c.tags ORDER BY t.n', 'SC2206'],
    ['SELECT c.a FROM c GROUP BY c.a ORDER BY c.a', 'ORDER BY with GROUP BY'],
    ['SELECT * FRM c', 'SC1001'],
    ['SELECT NOPE(c.a) FROM c', 'SC2005'],
  ])('%s has no plan', (query, message) => {
    expect(() => plan(query)).toThrow(message);
  });
});

describe('where the rows are', () => {
  const point = (key: Json, definition = BY_PK) => {
    const epk = effectivePartitionKey(definition, [key as string]);
    return { min: epk, max: epk, isMinInclusive: true, isMaxInclusive: true };
  };
  const FULL = [{ min: '', max: 'FF', isMinInclusive: true, isMaxInclusive: false }];
  const FIRST = [{ min: '', max: '', isMinInclusive: true, isMaxInclusive: true }];
  const points = (...keys: Json[]) => keys.map((key) => point(key)).sort((a, b) => (a.min < b.min ? -1 : 1));

  test.each<[condition: string, ranges: Json]>([
    ['true', FULL],
    ['false', FIRST],
    ['c.a = 1', FULL],
    ['c.pk = "x"', points('x')],
    ['"x" = c.pk', points('x')],
    ['c["pk"] = 1.5', points(1.5)],
    ['c.pk = null', points(null)],
    ['c.pk = @p', points('value')],
    ['c.pk = {}', [point(undefined as unknown as Json)]],
    ['c.pk = [1]', [point(undefined as unknown as Json)]],
    ['c.pk = undefined', FIRST],
    ['c.pk', points(true)],
    ['NOT c.pk', points(false)],
    ['c.pk IN ("x", "y", "x", 3)', points('x', 'y', 3)],
    ['c.pk NOT IN ("x")', FULL],
    ['c.pk = "x" OR c.pk = "y"', points('x', 'y')],
    ['c.pk = "x" OR c.a = 1', FULL],
    ['c.pk = "x" AND c.a = 1', points('x')],
    ['c.pk = "x" AND c.pk = "y"', FIRST],
    ['(c.pk = "x" OR c.pk = "y") AND c.pk IN ("y", "z")', points('y')],
    ['c.pk > "x"', FULL],
    ['c.pk != "x"', FULL],
    ['NOT (c.pk = "x")', FULL],
    ['c.pk.deeper = "x"', FULL],
    ['(c.id = "1" AND c.pk = "a") OR (c.id = "2" AND c.pk = "b")', points('a', 'b')],
  ])('%s', (condition, ranges) => {
    expect(plan(`SELECT * FROM c WHERE ${condition}`, { '@p': 'value' }).queryRanges).toEqual(ranges);
  });

  test('without a condition, without items', () => {
    expect(plan('SELECT * FROM c').queryRanges).toEqual(FULL);
    expect(plan('SELECT 1').queryRanges).toEqual(FIRST);
  });

  test('nested paths with odd names, version 1', () => {
    const { queryRanges } = plan('SELECT * FROM r WHERE r["a b"].c = "x"', {}, NESTED);
    expect(queryRanges).toEqual([point('x', NESTED)]);
  });

  test('hierarchies: full keys are points, prefixes are ranges that swallow their points', () => {
    const ranges = (condition: string) =>
      plan(`SELECT * FROM c WHERE ${condition}`, {}, HIERARCHY).queryRanges;
    const epk = effectivePartitionKey(HIERARCHY, ['t', 'u', 's']);
    expect(ranges('c.t = "t" AND c.u = "u" AND c.s = "s"')).toEqual([
      { min: epk, max: epk, isMinInclusive: true, isMaxInclusive: true },
    ]);
    const prefix = { ...partitionKeyRange(HIERARCHY, ['t']), isMinInclusive: true, isMaxInclusive: false };
    expect(ranges('c.t = "t"')).toEqual([prefix]);
    expect(ranges('c.t = "t" AND c.s = "s"')).toEqual([prefix]);
    expect(ranges('c.t = "t" OR (c.t = "t" AND c.u = "u" AND c.s = "s")')).toEqual([prefix]);
    expect(ranges('c.u = "u"')).toEqual(FULL);
  });
});

describe('what a client must be able to do', () => {
  const ALL =
    'Aggregate, CountIf, DCount, Distinct, GroupBy, ListAndSetAggregate, MultipleAggregates, MultipleOrderBy, ' +
    'NonValueAggregate, OffsetAndLimit, OrderBy, Top';
  const planWith = (query: string, features: string) =>
    planForClient({ query, parameters: [] }, BY_PK_TARGET, parseFeatures(features)).queryInfo as JsonObject;

  test.each([
    ['SELECT DISTINCT c.a FROM c', 'Distinct'],
    ['SELECT c.a FROM c GROUP BY c.a', 'GroupBy'],
    ['SELECT TOP 1 * FROM c', 'Top'],
    ['SELECT * FROM c OFFSET 1 LIMIT 1', 'OffsetAndLimit'],
    ['SELECT VALUE COUNT(1) FROM c', 'Aggregate'],
    ['SELECT COUNTIF(c.a) FROM c', 'NonValueAggregate, CountIf'],
    ['SELECT MAKESET(c.a) AS a, SUM(c.b) AS b FROM c', 'NonValueAggregate, MultipleAggregates, ListAndSet'],
    ['SELECT * FROM c ORDER BY c.a', 'OrderBy'],
    ['SELECT * FROM c ORDER BY c.a, c.b', 'MultipleOrderBy'],
  ])('%s', (query, missing) => {
    expect(() => planWith(query, '')).toThrow(`does not have: ${missing}`);
    expect(planWith(query, ALL).dCountInfo).toBeNull();
  });

  test('distinct rows are counted by clients that say they can', () => {
    const info = planWith('SELECT COUNT(1) AS n FROM (SELECT DISTINCT VALUE c.a FROM c) AS s', ALL);
    expect(info).toMatchObject({
      ...{ distinctType: 'Unordered', aggregates: [], dCountInfo: { dCountAlias: 'n' } },
      rewrittenQuery: 'SELECT DISTINCT VALUE c.a FROM c',
    });
    const value = planWith('SELECT VALUE COUNT(s) FROM (SELECT DISTINCT c.a FROM c) s', ALL);
    expect(value.dCountInfo).toEqual({ dCountAlias: '' });
    for (const query of [
      'SELECT COUNT(s.a) AS n FROM (SELECT DISTINCT c.a FROM c) AS s',
      'SELECT COUNT(1) AS n FROM (SELECT DISTINCT c.a FROM c) AS s WHERE s.a > 1',
      'SELECT COUNT(1) AS n FROM (SELECT c.a FROM c GROUP BY c.a) AS s',
    ]) {
      expect(() => planWith(query, ALL), query).toThrow('groups or is DISTINCT');
    }
  });
});

test('what spans ranges cannot be served by reading them one after the other', () => {
  const servable = (query: string) => isServableAcrossPartitions(compileQuery(query));
  expect(servable('SELECT * FROM c WHERE c.a = 1')).toBe(true);
  expect(servable('SELECT VALUE c.a FROM c')).toBe(true);
  for (const query of [
    'SELECT * FROM c ORDER BY c.a',
    'SELECT TOP 1 * FROM c',
    'SELECT * FROM c OFFSET 0 LIMIT 1',
    'SELECT VALUE COUNT(1) FROM c',
    'SELECT 1',
  ]) {
    expect(servable(query), query).toBe(false);
  }
});

describe('rewritten queries run', () => {
  const items: JsonObject[] = [
    { id: '1', _rid: 'r1', a: 3, b: 'x' },
    { id: '2', _rid: 'r2', a: 1 },
    { id: '3', _rid: 'r3', a: 2, b: 'y' },
    { id: '4', _rid: 'r4', b: 'z' },
  ];
  function run(query: string, filter: string): Json[] {
    const text = String(plan(query).queryInfo.rewrittenQuery).replace(
      '{documentdb-formattableorderbyquery-filter}',
      filter,
    );
    return evaluateOverResources({ query: text, parameters: [] }, items, NO_ENVIRONMENT).map(
      (row) => JSON.parse(row) as Json,
    );
  }

  test('an order gives _rid, sort values and payload, also from the middle on', () => {
    const query = 'SELECT VALUE c.b FROM c ORDER BY c.a';
    expect(run(query, 'true')).toEqual([
      { _rid: 'r4', orderByItems: [{}], payload: 'z' },
      { _rid: 'r3', orderByItems: [{ item: 2 }], payload: 'y' },
      { _rid: 'r1', orderByItems: [{ item: 3 }], payload: 'x' },
    ]);
    const resumed = "(c.a > 2 OR (c.a = 2 AND c._rid > 'r2') OR c.a > 'x\\u0027y')";
    expect(run(query, resumed).map((row) => (row as JsonObject)._rid)).toEqual(['r3', 'r1']);
    expect(run('SELECT c.id, c.b FROM c ORDER BY c.a DESC', 'c.a = 1')).toEqual([
      { _rid: 'r2', orderByItems: [{ item: 1 }], payload: { id: '2' } },
    ]);
  });

  test('aggregates give the parts that clients add up', () => {
    expect(run('SELECT VALUE AVG(c.a) FROM c', '')).toEqual([[{ item: { sum: 6, count: 3 } }]]);
    expect(run('SELECT VALUE MAX(c.none) FROM c', '')).toEqual([[{ item2: { count: 0 } }]]);
    expect(run('SELECT SUM(c.b), COUNT(c.b) AS n FROM c', '')).toEqual([
      { payload: { $1: {}, n: { item: 3 } } },
    ]);
  });
});

describe('lists in memory', () => {
  const offers: JsonObject[] = [
    { id: 'o1', resource: 'dbs/a/', n: 2, k: 'x' },
    { id: 'o2', resource: 'dbs/b/', n: 1, k: 'y' },
    { id: 'o3', resource: 'dbs/b/', n: 1, k: 'a' },
  ];
  const run = (query: string, link?: string) =>
    evaluateOverResources(
      { query, parameters: link === undefined ? [] : [{ name: '@link', value: link }] },
      offers,
      NO_ENVIRONMENT,
    );

  test('filters, orders by several expressions, windows', () => {
    expect(run('SELECT * from root where root.resource = @link', 'dbs/a/')).toEqual([
      JSON.stringify(offers[0]),
    ]);
    expect(run('SELECT VALUE c.id FROM c ORDER BY c.n, c.k DESC')).toEqual(['"o2"', '"o3"', '"o1"']);
    expect(run('SELECT VALUE c.id FROM c ORDER BY c.n DESC, LOWER(c.k) OFFSET 1 LIMIT 1')).toEqual(['"o3"']);
    expect(run('SELECT TOP 1 c.id FROM c')).toEqual(['{"id":"o1"}']);
    expect(run('SELECT VALUE COUNT(1) FROM c WHERE c.n = 1')).toEqual(['2']);
    expect(offers.map((offer) => offer.id)).toEqual(['o1', 'o2', 'o3']);
  });
});

describe('conditions of partial updates', () => {
  const item: JsonObject = { id: '1', n: 5, tags: ['a'] };

  test.each([
    ['FROM c WHERE c.n = 5', true],
    ['from c where c.n > 5', false],
    ['from c where c.missing = 1', false],
    ['FROM Families f WHERE ARRAY_CONTAINS(f.tags, "a")', true],
    ['FROM c WHERE root.n = 5', true],
    ['FROM c', true],
    ['FROM c WHERE c.n', false],
  ])('%s: %s', (condition, holds) => {
    expect(matchesCondition(condition, item, NO_ENVIRONMENT)).toBe(holds);
    expect(matchesCondition(condition, item, NO_ENVIRONMENT), 'from the cache').toBe(holds);
  });

  test.each([
    '',
    'WHERE c.n = 5',
    'SELECT * FROM c',
    'FROM c WHERE',
    'FROM c WHERE d.n = 5',
    'FROM t IN c.tags WHERE t = 1',
    'FROM c WHERE COUNT(1) = 1',
  ])('%s is refused', (condition) => {
    expect(() => matchesCondition(condition, item, NO_ENVIRONMENT)).toThrow(
      expect.objectContaining({ code: 'BadRequest' }),
    );
  });
});

describe('orders by score', () => {
  const search: SearchPolicies = {
    ...NO_SEARCH,
    embeddings: [
      {
        path: ['e'],
        dataType: 'float32',
        dimensions: 2,
        distanceFunction: 'euclidean',
        indexType: undefined,
      },
    ],
  };
  const planOf = (query: string, parameters: JsonObject = {}) => {
    const spec = { query, parameters: Object.entries(parameters).map(([name, value]) => ({ name, value })) };
    return planForClient(spec, { partitionKey: BY_PK, search });
  };

  test('a vector: the client sorts all rows, in the direction that the container says', () => {
    const query = 'SELECT TOP 3 c.id FROM c WHERE c.a = 1 ORDER BY VectorDistance(c.v, @q)';
    expect(planOf(query).queryInfo).toMatchObject({
      ...{ hasNonStreamingOrderBy: true, top: 3, orderBy: ['Descending'] },
      orderByExpressions: ['VectorDistance(c.v, @q)'],
      rewrittenQuery:
        'SELECT TOP 3 c._rid, [{"item": VectorDistance(c.v, @q)}] AS orderByItems, {"id": c.id} AS payload ' +
        `FROM c WHERE ((c.a = 1) AND ${FILTER}) ORDER BY VectorDistance(c.v, @q)`,
    });
    expect(planOf(query.replace('c.v', 'c.e')).queryInfo).toMatchObject({ orderBy: ['Ascending'] });
    const named = query.replace('@q)', '@q, false, @options)');
    const options = { '@options': { distanceFunction: 'euclidean' } };
    expect(planOf(named, options).queryInfo).toMatchObject({ orderBy: ['Ascending'] });
  });

  test('a window stays with the client, also within one partition key', () => {
    const query = 'SELECT * FROM c WHERE c.pk = "a" ORDER BY VectorDistance(c.v, @q) OFFSET 2 LIMIT 3';
    expect(planOf(query).queryInfo).toMatchObject({
      ...{ offset: 2, limit: 3, top: null, hasNonStreamingOrderBy: true },
      rewrittenQuery: expect.stringMatching(/OFFSET 0 LIMIT 5$/),
    });
  });

  test('RANK: a query for statistics, and one for each score', () => {
    const query =
      'SELECT TOP 70 * FROM c WHERE c.a = 1 ORDER BY RANK RRF(FullTextScore(c.t, "swim", @word), ' +
      'VectorDistance(c.e, [1, 2]), [2, 1])';
    const plan = planOf(query, { '@word': 'run' });
    expect(plan).not.toHaveProperty('queryInfo');
    const text =
      '_FullTextScore(c.t, ["swim", "run"], {documentdb-formattablehybridsearchquery-totaldocumentcount}, ' +
      '{documentdb-formattablehybridsearchquery-totalwordcount-0}, ' +
      '{documentdb-formattablehybridsearchquery-hitcountsarray-0})';
    const vector = 'VectorDistance(c.e, [1, 2])';
    const scores = `[(${text} ?? -1), (${vector} ?? 1e+300)]`;
    const rewritten = (score: string, end: string) =>
      `SELECT TOP 140 c._rid, [{"item": ${score}}] AS orderByItems, {"payload": c, "componentScores": ` +
      `${scores}} AS payload FROM c WHERE ((c.a = 1) AND ${FILTER}) ORDER BY ${score}${end}`;
    const info = { hasNonStreamingOrderBy: true, top: 140, aggregates: [], hasSelectValue: false };
    expect(plan.hybridSearchQueryInfo).toMatchObject({
      globalStatisticsQuery:
        'SELECT COUNT(1) AS documentCount, [{"totalWordCount": SUM(_FullTextWordCount(c.t)), "hitCounts": ' +
        '[COUNTIF(FullTextContains(c.t, "swim")), COUNTIF(FullTextContains(c.t, "run"))]}] ' +
        'AS fullTextStatistics FROM c',
      componentQueryInfos: [
        { ...info, orderBy: ['Descending'], rewrittenQuery: rewritten(text, ' DESC') },
        { ...info, orderBy: ['Ascending'], rewrittenQuery: rewritten(vector, '') },
      ],
      ...{ componentWeights: [2, 1], skip: 0, take: 70, requiresGlobalStatistics: true },
    });
  });

  test('RANK by vectors alone needs no statistics; without a window as many rows come as clients sort', () => {
    const query = 'SELECT c.id FROM c ORDER BY RANK RRF(VectorDistance(c.v, [1]), VectorDistance(c.w, [1]))';
    expect(planOf(query).hybridSearchQueryInfo).toMatchObject({
      requiresGlobalStatistics: false,
      componentWeights: [],
      take: null,
      componentQueryInfos: [{ top: 50_000 }, { top: 50_000 }],
    });
  });

  test.each([
    ['RRF(FullTextScore(c.t, "a"), VectorDistance(c.v, [1]), [2])', 'one weight for each score'],
    ['RRF(FullTextScore(c.t, "a"), VectorDistance(c.v, [1]), [-1, 1])', 'numbers, 0 or more'],
    ['RRF(FullTextScore(c.t, "a"), VectorDistance(c.v, [1]), ["1", 1])', 'numbers, 0 or more'],
    ['RRF(FullTextScore(c.t, "a"), VectorDistance(c.v, [1]), [@none, 1])', 'numbers, 0 or more'],
    ['RRF(FullTextScore(c.t, "a"))', 'two or more scores'],
    ['RRF()', 'two or more scores'],
    ['RRF(FullTextScore(c.t, "a"), c.score)', 'FullTextScore, VectorDistance, or RRF'],
    ['FullTextScore(c.t)', 'texts to be looked for'],
    ['FullTextScore(c.t, 1)', 'one or more texts'],
    ['FullTextScore(c.t, "a") DESC', 'neither ASC nor DESC'],
    ['FullTextScore(c.t, "a"), c.id', 'one function'],
    ['c.score', 'FullTextScore, VectorDistance, or RRF'],
  ])('RANK %s is refused', (rank, why) => {
    const query = `SELECT TOP 10 * FROM c ORDER BY RANK ${rank}`;
    expect(() => planOf(query)).toThrow(/SC2240/);
    expect(() => planOf(query)).toThrow(why);
  });

  test.each([
    'SELECT c.id, FullTextScore(c.t, "a") AS s FROM c',
    'SELECT * FROM c WHERE FullTextScore(c.t, "a") > 1',
    'SELECT * FROM c ORDER BY FullTextScore(c.t, "a")',
    'SELECT VALUE RRF(1, 2) FROM c',
  ])('%s: no row has a value that stands for a rank', (query) => {
    expect(() => compileQuery(query)).toThrow(/SC2240.*can only be used in ORDER BY RANK/);
  });

  test('no range can serve a rank by itself', () => {
    const query = compileQuery('SELECT * FROM c ORDER BY RANK FullTextScore(c.t, "a")');
    expect(isServableAcrossPartitions(query)).toBe(false);
  });
});
