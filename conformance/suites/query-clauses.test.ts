import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Container, FeedOptions } from '@azure/cosmos';
import { beforeAll, describe, expect, test } from 'vitest';
import { connect, KEY, makeContainer, makeDatabase, refusal, SDKS } from '../harness/sdks.ts';
import { TestedServer } from '../harness/tested-server.ts';

interface Pet {
  readonly name: string;
  readonly age: number;
}

interface Row {
  readonly id: string;
  readonly pk: string;
  readonly n: number;
  readonly color: string;
  readonly size?: number;
  readonly tags: readonly string[];
  readonly pets: readonly Pet[];
}

const COLORS = ['red', 'green', 'blue', 'yellow'];

/** 150 rows under 25 keys, so that each of five ranges holds some; `n` is distinct, colors and sizes repeat. */
const ROWS: readonly Row[] = Array.from({ length: 150 }, (_, index) => ({
  id: `row-${index}`,
  pk: `key-${index % 25}`,
  n: (index * 37) % 150,
  color: COLORS[index % 4] ?? '',
  ...(index % 3 === 0 ? {} : { size: index % 6 }),
  tags: ['a', 'b', 'c', 'd'].slice(0, index % 5),
  pets: Array.from({ length: index % 3 }, (_, pet) => ({
    name: `pet ${(index + pet) % 10}`,
    age: pet + (index % 7),
  })),
}));

const RAINBOW = { paths: ['/pk'] };

const server = TestedServer.during();

/** Rows without a certain order, so that they can be compared. */
function sorted(rows: readonly unknown[]): string[] {
  return rows.map(normal).sort();
}

function normal(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(normal).join()}]`;
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${name}:${normal(member)}`).join()}}`;
}

function unique(rows: readonly unknown[]): unknown[] {
  return [...new Map(rows.map((row) => [normal(row), row])).values()];
}

function groups<K>(rows: readonly Row[], keyOf: (row: Row) => K): [K, Row[]][] {
  const found = new Map<K, Row[]>();
  for (const row of rows) found.set(keyOf(row), [...(found.get(keyOf(row)) ?? []), row]);
  return [...found];
}

const pairs = ROWS.flatMap((row) => row.pets.map((pet) => ({ row, pet })));
const byColorThenN = [...ROWS].sort((a, b) => (a.color < b.color ? -1 : a.color > b.color ? 1 : b.n - a.n));
const sizes = ROWS.flatMap(({ size }) => (size === undefined ? [] : [size]));

/** Rows in any order, worked out by plain loops. */
const UNORDERED: readonly (readonly [query: string, rows: readonly unknown[]])[] = [
  ['SELECT VALUE c.id FROM c WHERE c.n < 75', ROWS.filter(({ n }) => n < 75).map(({ id }) => id)],
  ['SELECT c.id, t FROM c JOIN t IN c.tags', ROWS.flatMap(({ id, tags }) => tags.map((t) => ({ id, t })))],
  [
    'SELECT c.id, p.name, t FROM c JOIN p IN c.pets JOIN t IN c.tags WHERE p.age > 3 AND t != "b"',
    pairs
      .filter(({ pet }) => pet.age > 3)
      .flatMap(({ row, pet }) =>
        row.tags.filter((t) => t !== 'b').map((t) => ({ id: row.id, name: pet.name, t })),
      ),
  ],
  [
    'SELECT VALUE t FROM t IN c.tags WHERE t >= "c"',
    ROWS.flatMap(({ tags }) => tags.filter((t) => t >= 'c')),
  ],
  [
    'SELECT c.id, (SELECT VALUE COUNT(1) FROM p IN c.pets WHERE p.age > 2) AS old FROM c',
    ROWS.map(({ id, pets }) => ({ id, old: pets.filter(({ age }) => age > 2).length })),
  ],
  [
    'SELECT VALUE c.id FROM c WHERE EXISTS(SELECT VALUE p FROM p IN c.pets WHERE p.name = "pet 3")',
    ROWS.filter(({ pets }) => pets.some(({ name }) => name === 'pet 3')).map(({ id }) => id),
  ],
  [
    'SELECT c.id, ARRAY(SELECT VALUE p.age FROM p IN c.pets) AS ages FROM c WHERE c.n > 100',
    ROWS.filter(({ n }) => n > 100).map(({ id, pets }) => ({ id, ages: pets.map(({ age }) => age) })),
  ],
  [
    'SELECT VALUE x.name FROM c JOIN (SELECT VALUE p FROM p IN c.pets WHERE p.age = 2) AS x',
    pairs.filter(({ pet }) => pet.age === 2).map(({ pet }) => pet.name),
  ],
  ['SELECT DISTINCT VALUE c.color FROM c', COLORS],
  [
    'SELECT DISTINCT c.color, c.size FROM c',
    unique(ROWS.map(({ color, size }) => (size === undefined ? { color } : { color, size }))),
  ],
  ['SELECT DISTINCT VALUE t FROM c JOIN t IN c.tags', ['a', 'b', 'c', 'd']],
  [
    'SELECT DISTINCT VALUE {age: p.age} FROM c JOIN p IN c.pets',
    unique(pairs.map(({ pet }) => ({ age: pet.age }))),
  ],
  [
    'SELECT c.color, COUNT(1) AS n, SUM(c.n) AS sum, MIN(c.n) AS low, MAX(c.n) AS high FROM c GROUP BY c.color',
    groups(ROWS, ({ color }) => color).map(([color, rows]) => {
      const all = rows.map(({ n }) => n);
      const sum = all.reduce((a, b) => a + b, 0);
      return { color, n: rows.length, sum, low: Math.min(...all), high: Math.max(...all) };
    }),
  ],
  [
    'SELECT c.size, AVG(c.n) AS mean FROM c GROUP BY c.size',
    groups(ROWS, ({ size }) => size).map(([size, rows]) => ({
      ...(size === undefined ? {} : { size }),
      mean: rows.reduce((sum, { n }) => sum + n, 0) / rows.length,
    })),
  ],
  ['SELECT VALUE c.color FROM c GROUP BY c.color', COLORS],
  [
    'SELECT VALUE COUNT(1) FROM c GROUP BY c.color',
    groups(ROWS, ({ color }) => color).map(([, rows]) => rows.length),
  ],
  [
    'SELECT t, COUNT(1) AS n FROM c JOIN t IN c.tags WHERE c.n < 100 GROUP BY t',
    groups(
      ROWS.filter(({ n }) => n < 100).flatMap((row) => row.tags.map((t) => ({ ...row, color: t }))),
      ({ color }) => color,
    ).map(([t, rows]) => ({ t, n: rows.length })),
  ],
  ['SELECT VALUE COUNT(1) FROM c', [ROWS.length]],
  ['SELECT VALUE COUNT(c.size) FROM c', [sizes.length]],
  ['SELECT VALUE SUM(c.size) FROM c', [sizes.reduce((a, b) => a + b, 0)]],
  ['SELECT VALUE AVG(c.size) FROM c', [sizes.reduce((a, b) => a + b, 0) / sizes.length]],
  ['SELECT VALUE MIN(c.n) FROM c', [0]],
  ['SELECT VALUE MAX(c.color) FROM c', ['yellow']],
  ['SELECT VALUE SUM(c.color) FROM c', []],
  ['SELECT VALUE COUNT(1) FROM c JOIN p IN c.pets', [pairs.length]],
  [
    'SELECT COUNT(1) AS n, MAX(c.n) AS high, SUM(c.size) AS sizes FROM c',
    [{ n: 150, high: 149, sizes: sizes.reduce((a, b) => a + b, 0) }],
  ],
  ['SELECT VALUE COUNTIF(c.n < 10) FROM c', [10]],
];

/** Rows in the order that the query asks for. */
const ORDERED: readonly (readonly [query: string, rows: readonly unknown[]])[] = [
  ['SELECT VALUE c.n FROM c ORDER BY c.n DESC', ROWS.map(({ n }) => n).sort((a, b) => b - a)],
  [
    'SELECT c.color, c.n FROM c ORDER BY c.color, c.n DESC',
    byColorThenN.map(({ color, n }) => ({ color, n })),
  ],
  ['SELECT VALUE c.n FROM c ORDER BY c.color DESC, c.n', byColorThenN.map(({ n }) => n).reverse()],
  [
    'SELECT TOP 20 c.n, p.name FROM c JOIN p IN c.pets ORDER BY c.n',
    [...pairs]
      .sort((a, b) => a.row.n - b.row.n)
      .map(({ row, pet }) => ({ n: row.n, name: pet.name }))
      .slice(0, 20),
  ],
  ['SELECT DISTINCT VALUE c.color FROM c ORDER BY c.color', [...COLORS].sort()],
  ['SELECT DISTINCT VALUE c.color FROM c ORDER BY c.color DESC OFFSET 1 LIMIT 2', ['red', 'green']],
  ['SELECT VALUE c.n FROM c ORDER BY c.n OFFSET 30 LIMIT 15', Array.from({ length: 15 }, (_, i) => 30 + i)],
  [
    'SELECT VALUE c.n FROM c WHERE c.color = "red" ORDER BY c.n OFFSET 3 LIMIT 4',
    byColorThenN
      .filter(({ color }) => color === 'red')
      .map(({ n }) => n)
      .reverse()
      .slice(3, 7),
  ],
];

/** How many rows come, though not which. */
const CUT: readonly (readonly [query: string, count: number])[] = [
  ['SELECT TOP 17 * FROM c', 17],
  ['SELECT * FROM c OFFSET 140 LIMIT 30', 10],
  ['SELECT DISTINCT VALUE c.color FROM c OFFSET 1 LIMIT 2', 2],
  ['SELECT DISTINCT TOP 3 VALUE c.color FROM c', 3],
  ['SELECT c.color, COUNT(1) AS n FROM c GROUP BY c.color OFFSET 1 LIMIT 10', 3],
  ['SELECT c.id, t FROM c JOIN t IN c.tags OFFSET 10 LIMIT 25', 25],
];

describe.each(SDKS)('@azure/cosmos $version', ({ sdk, module }) => {
  let container: Container;

  beforeAll(async () => {
    const database = await makeDatabase(connect(sdk, { endpoint: server.endpoint }));
    const composite = [
      { path: '/color', order: 'ascending' },
      { path: '/n', order: 'descending' },
    ];
    container = await makeContainer(database, {
      throughput: 25_000,
      more: {
        partitionKey: RAINBOW,
        indexingPolicy: { includedPaths: [{ path: '/*' }], compositeIndexes: [composite] },
      },
    });
    await Promise.all(ROWS.map((row) => container.items.create(row)));
    expect((await container.readPartitionKeyRanges().fetchAll()).resources).toHaveLength(5);
  });

  // The server may answer across partitions by itself, or leave it to the client's pipeline and its plan:
  // both ways must give the same rows.
  describe.each<[string, FeedOptions]>([
    ['as the client likes', {}],
    ['by plan', { forceQueryPlan: true }],
    ['by plan, in small pages', { forceQueryPlan: true, maxItemCount: 7 }],
    ['with query control', { enableQueryControl: true, maxItemCount: 20 }],
  ])('%s', (_, options) => {
    async function run(query: string, more: FeedOptions = {}): Promise<unknown[]> {
      return (await container.items.query(query, { ...options, ...more }).fetchAll()).resources;
    }

    test.each(UNORDERED)('%s', async (query, rows) => {
      expect(sorted(await run(query))).toEqual(sorted(rows));
    });

    test.each(ORDERED)('%s', async (query, rows) => {
      expect(await run(query)).toEqual(rows);
    });

    test.each(CUT)('%s', async (query, count) => {
      const rows = await run(query);
      expect(rows).toHaveLength(count);
      expect(unique(rows)).toHaveLength(count);
    });

    test('lists and sets of all ranges', async () => {
      const [list] = (await run('SELECT VALUE MAKELIST(c.n) FROM c')) as [number[]];
      expect([...list].sort((a, b) => a - b)).toEqual(ROWS.map((_, index) => index));
      const [set] = (await run('SELECT VALUE MAKESET(c.color) FROM c')) as [string[]];
      expect(sorted(set)).toEqual(sorted(COLORS));
      const both = (await run('SELECT c.color, MAKELIST(c.n) AS list FROM c GROUP BY c.color')) as {
        color: string;
        list: number[];
      }[];
      const expected = groups(ROWS, ({ color }) => color).map(([color, rows]) => ({
        color,
        list: rows.map(({ n }) => n).sort((a, b) => a - b),
      }));
      const found = both.map(({ color, list }) => ({ color, list: list.sort((a, b) => a - b) }));
      expect(sorted(found)).toEqual(sorted(expected));
    });

    test('equal sort values come by range, and within a range in the order of insertion', async () => {
      const rows = (await run('SELECT c.id, c.color FROM c ORDER BY c.color')) as Row[];
      expect(sorted(rows.map(({ id }) => id))).toEqual(sorted(ROWS.map(({ id }) => id)));
      expect(rows.map(({ color }) => color)).toEqual(byColorThenN.map(({ color }) => color));
    });
  });

  // With `forceQueryPlan` the client forgets the key.
  test.each<[string, FeedOptions]>([
    ['in one page', {}],
    ['in small pages', { maxItemCount: 2 }],
    ['with query control', { enableQueryControl: true }],
  ])('within one key the same clauses need no plan, %s', async (_, options) => {
    const run = async (query: string, more: FeedOptions = {}) =>
      (await container.items.query(query, { ...options, ...more }).fetchAll()).resources;
    const mine = ROWS.filter(({ pk }) => pk === 'key-7');
    const key = { partitionKey: 'key-7' };
    const distinct = await run('SELECT DISTINCT VALUE c.color FROM c', key);
    expect(sorted(distinct)).toEqual(sorted(unique(mine.map(({ color }) => color))));
    const grouped = await run('SELECT c.color, COUNT(1) AS n FROM c GROUP BY c.color', key);
    const counts = groups(mine, ({ color }) => color).map(([color, rows]) => ({ color, n: rows.length }));
    expect(sorted(grouped)).toEqual(sorted(counts));
    expect(await run('SELECT VALUE MAX(c.n) FROM c WHERE c.pk = "key-7"')).toEqual([
      Math.max(...mine.map(({ n }) => n)),
    ]);
  });

  test('what is served within one key only', async () => {
    const query = 'SELECT VALUE COUNT(1) FROM (SELECT DISTINCT VALUE c.color FROM c) AS s';
    const mine = ROWS.filter(({ pk }) => pk === 'key-7');
    const { resources } = await container.items.query(query, { partitionKey: 'key-7' }).fetchAll();
    expect(resources).toEqual([unique(mine.map(({ color }) => color)).length]);
    const { code, message } = await refusal(container.items.query(query).fetchAll());
    expect(code).toBe(400);
    expect(message).toContain('over more than one partition key range');
  });

  test.each([
    ['SELECT * FROM c ORDER BY c.color, c.n', 'composite index'],
    ['SELECT c.id, c.n FROM c GROUP BY c.id', 'SC2102'],
    ['SELECT * FROM c GROUP BY c.id', 'SC2041'],
    ['SELECT VALUE SUM(c.n) + 1 FROM c', 'Compositions of aggregates'],
    ['SELECT VALUE (SELECT TOP 1 VALUE t FROM t IN c.tags) FROM c', 'SC2203'],
    ['SELECT * FROM c ORDER BY c.n + 1', 'SC2206'],
    ['SELECT * FROM c JOIN t IN d.tags', 'single'],
  ])('%s is refused', async (query, message) => {
    for (const options of [{}, { partitionKey: 'key-1' }, { forceQueryPlan: true }]) {
      // Within one partition key aggregates may be parts of larger expressions.
      if ('partitionKey' in options && message.startsWith('Compositions')) continue;
      const found = await refusal(container.items.query(query, options).fetchAll());
      expect(found).toMatchObject({ code: 400 });
      expect(found.message).toContain(message);
    }
  });

  // What clients can go on with in another process: see "Where it differs" in docs/sql.md.
  test.each<[string, FeedOptions, string, unknown[], 'in any order'?]>([
    [
      'within a key',
      { partitionKey: 'key-3', maxItemCount: 4 },
      'SELECT VALUE t FROM c JOIN t IN c.tags',
      ROWS.filter(({ pk }) => pk === 'key-3').flatMap(({ tags }) => tags),
    ],
    [
      'within a key, distinct',
      { partitionKey: 'key-3', maxItemCount: 1 },
      'SELECT DISTINCT VALUE c.color FROM c',
      unique(ROWS.filter(({ pk }) => pk === 'key-3').map(({ color }) => color)),
    ],
    [
      'within a key, grouped',
      { partitionKey: 'key-3', maxItemCount: 1 },
      'SELECT c.color, COUNT(1) AS n FROM c GROUP BY c.color',
      groups(
        ROWS.filter(({ pk }) => pk === 'key-3'),
        ({ color }) => color,
      ).map(([color, rows]) => ({ color, n: rows.length })),
    ],
    [
      'within a key, by several properties',
      { partitionKey: 'key-3', maxItemCount: 2 },
      'SELECT c.color, c.n FROM c ORDER BY c.color, c.n DESC',
      byColorThenN.filter(({ pk }) => pk === 'key-3').map(({ color, n }) => ({ color, n })),
    ],
    [
      'within a key, a window',
      { partitionKey: 'key-3', maxItemCount: 2 },
      'SELECT VALUE c.n FROM c ORDER BY c.n OFFSET 1 LIMIT 3',
      ROWS.filter(({ pk }) => pk === 'key-3')
        .map(({ n }) => n)
        .sort((x, y) => x - y)
        .slice(1, 4),
    ],
    [
      'ordered, across partitions',
      { enableQueryControl: true, maxItemCount: 50 },
      'SELECT VALUE c.n FROM c ORDER BY c.n',
      ROWS.map((_, index) => index),
    ],
    [
      'the other way round, with a filter',
      { enableQueryControl: true, maxItemCount: 30 },
      'SELECT VALUE c.n FROM c WHERE c.color = "red" OR c.color = "blue" ORDER BY c.n DESC',
      ROWS.filter(({ color }) => color === 'red' || color === 'blue')
        .map(({ n }) => n)
        .sort((x, y) => y - x),
    ],
    [
      'the first of an order',
      { enableQueryControl: true, maxItemCount: 15 },
      'SELECT TOP 40 VALUE c.n FROM c ORDER BY c.n',
      Array.from({ length: 40 }, (_, index) => index),
    ],
    [
      'a window of an order',
      { enableQueryControl: true, maxItemCount: 15 },
      'SELECT VALUE c.n FROM c ORDER BY c.n OFFSET 5 LIMIT 40',
      Array.from({ length: 40 }, (_, index) => 5 + index),
    ],
    // A range holds a multiple of six rows: some pages end with their range, and must not come again.
    [
      'everything, across partitions',
      { enableQueryControl: true, maxItemCount: 12 },
      'SELECT VALUE c.n FROM c',
      ROWS.map(({ n }) => n),
      'in any order',
    ],
    [
      'joined, across partitions',
      { enableQueryControl: true, maxItemCount: 60 },
      'SELECT c.id, t FROM c JOIN t IN c.tags',
      ROWS.flatMap(({ id, tags }) => tags.map((t) => ({ id, t }))),
      'in any order',
    ],
    [
      'an aggregate',
      { enableQueryControl: true, maxItemCount: 5 },
      'SELECT VALUE COUNT(1) FROM c',
      [ROWS.length],
    ],
    [
      'within a range each, without control',
      { maxItemCount: 20 },
      'SELECT VALUE c.n FROM c',
      ROWS.map(({ n }) => n),
      'in any order',
    ],
  ])('pages read by a process each: %s', async (_, options, query, expected, order) => {
    const found: unknown[] = [];
    let continuationToken: string | undefined;
    for (let pages = 0; pages < 40; pages++) {
      const request = {
        ...{
          endpoint: server.endpoint,
          key: KEY,
          client: module,
          database: container.database.id,
          container: container.id,
          query,
        },
        options: { ...options, ...(continuationToken === undefined ? {} : { continuationToken }) },
      };
      const reader = fileURLToPath(new URL('../harness/page-reader.mjs', import.meta.url));
      const { stdout } = await promisify(execFile)(process.execPath, [reader, JSON.stringify(request)]);
      const page = JSON.parse(stdout) as {
        resources: unknown[];
        continuationToken?: string;
        hasMore: boolean;
      };
      found.push(...(page.resources ?? []));
      continuationToken = page.hasMore ? page.continuationToken : undefined;
      if (continuationToken === undefined) break;
    }
    expect(continuationToken, 'there is an end').toBeUndefined();
    if (order === undefined) expect(found).toEqual(expected);
    else expect(sorted(found)).toEqual(sorted(expected));
  });
});
