import { describe, expect, test } from 'vitest';
import {
  ArraySource,
  DEFAULT_POLICY,
  NO_POLICY,
  page,
  pages,
  type RunOptions,
  values,
} from '../../test/kit/array-source.ts';
import type { Json, JsonObject } from '../base/index.ts';
import { DatabaseError } from '../errors/index.ts';
import { CarryOvers } from './carry-over.ts';
import { NO_ENVIRONMENT } from './environment.ts';
import { QueryMemory } from './query-memory.ts';
import { evaluateOverResources } from './resource-query.ts';
import type { FunctionCaller } from './user-functions.ts';

const FAMILIES: readonly JsonObject[] = [
  {
    id: 'andersen',
    name: 'Andersen',
    address: { city: 'Seattle', zip: 98101 },
    children: [
      { name: 'Henriette', grade: 5, pets: [{ name: 'Fluffy' }] },
      { name: 'Ole', grade: 8, pets: [] },
    ],
    tags: ['a', 'b', 'a'],
    n: 3,
  },
  {
    id: 'wakefield',
    name: 'Wakefield',
    address: { city: 'NY', zip: 10001 },
    children: [
      { name: 'Jesse', grade: 1, pets: [{ name: 'Goofy' }, { name: 'Shadow' }] },
      { name: 'Lisa', grade: 8 },
    ],
    tags: ['b'],
    n: 1,
  },
  { id: 'empty', children: [], tags: 'b', n: null },
  { id: 'bare', address: { city: 'Seattle' }, n: 3 },
];

/** The rows must not depend on index, page size, or how the query is run. */
async function check(query: string, expected: readonly Json[], options: RunOptions = {}): Promise<void> {
  for (const policy of [DEFAULT_POLICY, NO_POLICY]) {
    const source = new ArraySource(FAMILIES, policy);
    for (const itemCountMax of [100, 3, 1]) {
      const found = await values(source, query, { ...options, itemCountMax });
      expect(found, `${policy.indexingMode}, pages of ${itemCountMax}`).toEqual(expected);
    }
  }
  const parameters = Object.entries(options.parameters ?? {}).map(([name, value]) => ({ name, value }));
  const inMemory = evaluateOverResources({ query, parameters }, FAMILIES, NO_ENVIRONMENT);
  expect(inMemory.map((row) => JSON.parse(row) as Json)).toEqual(expected);
}

function checks(
  title: string,
  cases: readonly (readonly [query: string, ...expected: readonly Json[]])[],
): void {
  describe(title, () => {
    for (const [query, ...expected] of cases) test(query, () => check(query, expected));
  });
}

checks('FROM names items, their parts and the elements of their arrays', [
  ['SELECT VALUE f.id FROM Families f', 'andersen', 'wakefield', 'empty', 'bare'],
  ['SELECT VALUE Families.id FROM Families WHERE root.n = 1', 'wakefield'],
  ['SELECT VALUE root.id FROM root WHERE root.n = 1', 'wakefield'],
  [
    'SELECT * FROM f.address',
    { city: 'Seattle', zip: 98101 },
    { city: 'NY', zip: 10001 },
    { city: 'Seattle' },
  ],
  ['SELECT VALUE address.city FROM f.address WHERE address.zip > 20000', 'Seattle'],
  ['SELECT VALUE z FROM f.address.zip AS z', 98101, 10001],
  ['SELECT VALUE x FROM f["children"][1].name x', 'Ole', 'Lisa'],
  ['SELECT * FROM t IN f.tags', 'a', 'b', 'a', 'b'],
  ['SELECT VALUE t FROM t IN f.tags WHERE t > "a"', 'b', 'b'],
  ['SELECT VALUE k.grade FROM k IN Families.children WHERE k.pets != []', 5, 1],
  ['SELECT VALUE t FROM t IN f.nothing'],
  ['SELECT f.missing FROM f WHERE f.id = "bare"', {}],
]);

checks('JOIN crosses an item with what it holds', [
  [
    'SELECT f.id, c.name FROM f JOIN c IN f.children WHERE c.grade = 8',
    { id: 'andersen', name: 'Ole' },
    { id: 'wakefield', name: 'Lisa' },
  ],
  [
    'SELECT VALUE [c.name, p.name] FROM f JOIN c IN f.children JOIN p IN c.pets',
    ['Henriette', 'Fluffy'],
    ['Jesse', 'Goofy'],
    ['Jesse', 'Shadow'],
  ],
  ['SELECT VALUE [f.n, t] FROM f JOIN t IN f.tags', [3, 'a'], [3, 'b'], [3, 'a'], [1, 'b']],
  [
    'SELECT VALUE [a, b] FROM f JOIN a IN f.tags JOIN b IN f.tags WHERE f.n = 3 AND a > b',
    ['b', 'a'],
    ['b', 'a'],
  ],
  ['SELECT f.id FROM f JOIN a IN f.address'],
  ['SELECT VALUE a.city FROM f JOIN f.address a WHERE f.n = 3', 'Seattle', 'Seattle'],
  [
    'SELECT VALUE c.name FROM f JOIN (SELECT VALUE k FROM k IN f.children WHERE k.grade > 4) AS c WHERE f.n > 0',
    'Henriette',
    'Ole',
    'Lisa',
  ],
  [
    'SELECT VALUE [f.n, x] FROM f JOIN x IN (SELECT VALUE [1, f.n]) WHERE f.n != null',
    [3, 1],
    [3, 3],
    [1, 1],
    [1, 1],
    [3, 1],
    [3, 3],
  ],
  [
    'SELECT VALUE u.name FROM f JOIN u IN (SELECT VALUE [{n: 1, name: "one"}, {n: 3, name: "three"}]) WHERE u.n = f.n',
    'three',
    'one',
    'three',
  ],
  ['SELECT VALUE s.name FROM (SELECT f.name, f.n FROM f WHERE f.n > 0) AS s WHERE s.n = 1', 'Wakefield'],
  ['SELECT VALUE t FROM (SELECT VALUE k FROM f JOIN k IN f.tags) AS t WHERE t != "b"', 'a', 'a'],
]);

checks('queries in expressions', [
  ['SELECT VALUE f.id FROM f WHERE EXISTS(SELECT VALUE t FROM t IN f.tags WHERE t = "a")', 'andersen'],
  [
    'SELECT VALUE f.id FROM f WHERE NOT EXISTS(SELECT VALUE c.x FROM c IN f.children)',
    'andersen',
    'wakefield',
    'empty',
    'bare',
  ],
  ['SELECT VALUE EXISTS(SELECT c.x FROM c IN f.children) FROM f', true, true, false, false],
  [
    'SELECT VALUE ARRAY(SELECT VALUE c.name FROM c IN f.children) FROM f',
    ['Henriette', 'Ole'],
    ['Jesse', 'Lisa'],
    [],
    [],
  ],
  ['SELECT VALUE ARRAY(SELECT DISTINCT VALUE t FROM t IN f.tags) FROM f', ['a', 'b'], ['b'], [], []],
  [
    'SELECT f.id, (SELECT VALUE COUNT(1) FROM c IN f.children WHERE c.grade = 8) AS n FROM f WHERE IS_ARRAY(f.tags)',
    { id: 'andersen', n: 1 },
    { id: 'wakefield', n: 1 },
  ],
  [
    'SELECT (SELECT MAX(c.grade) AS best, COUNT(1) AS n FROM c IN f.children) AS s FROM f',
    { s: { best: 8, n: 2 } },
    { s: { best: 8, n: 2 } },
    { s: { n: 0 } },
    { s: { n: 0 } },
  ],
  ['SELECT VALUE (SELECT VALUE f.n + 1) FROM f', 4, 2, 4],
  ['SELECT VALUE ALL(SELECT VALUE c.grade > 4 FROM c IN f.children) FROM f', true, false, true, true],
  ['SELECT VALUE FIRST(SELECT VALUE c.name FROM c IN f.children) FROM f', 'Henriette', 'Jesse'],
  ['SELECT VALUE LAST(SELECT VALUE c.name FROM c IN f.children) FROM f', 'Ole', 'Lisa'],
  [
    'SELECT VALUE ARRAY(SELECT t, COUNT(1) AS n FROM t IN f.tags GROUP BY t) FROM f WHERE f.id = "andersen"',
    [
      { t: 'a', n: 2 },
      { t: 'b', n: 1 },
    ],
  ],
  [
    'SELECT VALUE ARRAY(SELECT VALUE [c.name, (SELECT VALUE COUNT(1) FROM p IN c.pets WHERE p.name != f.id)] FROM c IN f.children) FROM f WHERE f.n = 1',
    [
      ['Jesse', 2],
      ['Lisa', 0],
    ],
  ],
  [
    'SELECT VALUE f.id FROM f WHERE f.n IN (1, (SELECT VALUE MAX(x) FROM x IN (SELECT VALUE [0, 3])))',
    'andersen',
    'wakefield',
    'bare',
  ],
  ['SELECT VALUE (SELECT VALUE COUNT(1) FROM f) FROM f WHERE f.n = 1', 1],
]);

checks('DISTINCT compares whole values', [
  ['SELECT DISTINCT VALUE f.n FROM f', 3, 1, null],
  ['SELECT DISTINCT f.n FROM f', { n: 3 }, { n: 1 }, { n: null }],
  ['SELECT DISTINCT f.address.city FROM f', { city: 'Seattle' }, { city: 'NY' }, {}],
  ['SELECT DISTINCT VALUE t FROM t IN f.tags', 'a', 'b'],
  [
    'SELECT DISTINCT VALUE x FROM f JOIN x IN (SELECT VALUE [{a: 1, b: [1.0]}, {b: [1], a: 1}])',
    { a: 1, b: [1] },
  ],
  ['SELECT DISTINCT VALUE f.n FROM f OFFSET 1 LIMIT 1', 1],
  ['SELECT DISTINCT TOP 2 VALUE f.n FROM f', 3, 1],
]);

checks('GROUP BY', [
  ['SELECT f.n, COUNT(1) AS c FROM f GROUP BY f.n', { n: 3, c: 2 }, { n: 1, c: 1 }, { n: null, c: 1 }],
  [
    'SELECT f.address.city AS city, SUM(f.n) AS s FROM f GROUP BY f.address.city',
    { city: 'Seattle', s: 6 },
    { city: 'NY', s: 1 },
    {},
  ],
  ['SELECT VALUE f.address.city FROM f GROUP BY f.address.city', 'Seattle', 'NY'],
  [
    'SELECT VALUE {k: LOWER(f.address.city), m: MIN(f.address.zip)} FROM f GROUP BY f.address.city',
    { k: 'seattle', m: 98101 },
    { k: 'ny', m: 10001 },
    {},
  ],
  ['SELECT COUNT(1) AS c FROM f JOIN t IN f.tags GROUP BY t', { c: 2 }, { c: 2 }],
  [
    'SELECT t, f.n, MAKELIST(f.id) AS ids FROM f JOIN t IN f.tags GROUP BY t, f.n',
    { t: 'a', n: 3, ids: ['andersen', 'andersen'] },
    { t: 'b', n: 3, ids: ['andersen'] },
    { t: 'b', n: 1, ids: ['wakefield'] },
  ],
  ['SELECT f["n"] FROM f GROUP BY f.n OFFSET 1 LIMIT 1', { n: 1 }],
  ['SELECT VALUE [{a: 1}, 1 + 1, COUNT(1)] FROM f GROUP BY 1, 1 + 1', [{ a: 1 }, 2, 4]],
  ['SELECT DISTINCT VALUE COUNT(1) FROM f GROUP BY f.n', 2, 1],
  ['SELECT f.n FROM f WHERE false GROUP BY f.n'],
  ['SELECT VALUE COUNT(1) FROM f WHERE false GROUP BY f.n'],
  ['SELECT TOP 1 f.n, AVG(f.address.zip) AS z FROM f GROUP BY f.n', { n: 3, z: 98101 }],
  ['SELECT COUNT(1) + 1 AS c, ARRAY(SELECT VALUE 1) AS one FROM f GROUP BY 1', { c: 5, one: [1] }],
]);

checks('aggregates over rows of arrays', [
  ['SELECT VALUE COUNT(1) FROM f JOIN t IN f.tags', 4],
  ['SELECT VALUE COUNT(t) FROM t IN f.tags WHERE t = "a"', 2],
  ['SELECT VALUE SUM(c.grade) FROM c IN f.children', 22],
  ['SELECT COUNT(1) AS n, MAKESET(t) AS s FROM f JOIN t IN f.tags', { n: 4, s: ['a', 'b'] }],
  ['SELECT DISTINCT COUNT(1) AS n FROM f', { n: 4 }],
]);

describe('queries over queries that have to be read to their end', () => {
  test.each<[query: string, ...expected: Json[]]>([
    ['SELECT VALUE COUNT(1) FROM (SELECT DISTINCT VALUE f.n FROM f) AS s', 3],
    ['SELECT COUNT(1) AS n FROM (SELECT DISTINCT f.address.city FROM f) AS s WHERE s.city != "NY"', { n: 1 }],
    [
      'SELECT s.k FROM (SELECT f.n AS k, COUNT(1) AS c FROM f GROUP BY f.n) AS s WHERE s.c = 1',
      { k: 1 },
      { k: null },
    ],
    ['SELECT VALUE MAX(s.c) FROM (SELECT COUNT(1) AS c FROM f GROUP BY f.n) AS s', 2],
    ['SELECT DISTINCT s.c FROM (SELECT f.n, COUNT(1) AS c FROM f GROUP BY f.n) AS s', { c: 2 }, { c: 1 }],
    ['SELECT VALUE x FROM (SELECT MAKELIST(f.n) AS all FROM f) AS s JOIN x IN s.all WHERE x > 0', 3, 1, 3],
    [
      'SELECT VALUE s.m FROM (SELECT AVG(t.c) AS m FROM (SELECT COUNT(1) AS c FROM f GROUP BY f.n) AS t) AS s',
      4 / 3,
    ],
  ])('%s', async (query, ...expected) => {
    for (const itemCountMax of [100, 1]) {
      const source = new ArraySource(FAMILIES, DEFAULT_POLICY);
      expect(await values(source, query, { itemCountMax })).toEqual(expected);
    }
  });
});

test('a query without items has its one row, or those of its arrays', async () => {
  const source = new ArraySource(FAMILIES, DEFAULT_POLICY);
  expect(
    await values(source, 'SELECT 1 AS a, ARRAY(SELECT VALUE x FROM x IN (SELECT VALUE [1, 2])) AS b'),
  ).toEqual([{ a: 1, b: [1, 2] }]);
  const query = 'SELECT VALUE s FROM (SELECT VALUE 7) AS s';
  expect(await values(source, query)).toEqual([7]);
  expect(source.loads).toBe(0);
});

describe('refusals', () => {
  test.each([
    ['SELECT * FROM f JOIN t IN f.tags', 'single source'],
    ['SELECT f.id FROM f JOIN f IN f.tags', "'f' is specified more than once"],
    ['SELECT f.id FROM f JOIN t IN g.tags', "'g' could not be resolved"],
    ['SELECT f.id FROM t IN f.tags', "'f' could not be resolved"],
    ['SELECT f.name, COUNT(1) FROM f GROUP BY f.n', 'SC2102'],
    ['SELECT f.n FROM f GROUP BY COUNT(1)', 'SC2101'],
    ['SELECT * FROM f GROUP BY f.n', 'SC2041'],
    ['SELECT f.n FROM f GROUP BY f.n ORDER BY f.n', 'ORDER BY with GROUP BY'],
    ['SELECT t FROM f JOIN t IN f.tags ORDER BY t', 'SC2206'],
    ['SELECT VALUE x FROM f JOIN (SELECT TOP 1 VALUE t FROM t IN f.tags) AS x', 'SC2203'],
    ['SELECT VALUE (SELECT VALUE t FROM t IN f.tags) FROM f', 'more than one row'],
    ['SELECT VALUE (SELECT * FROM f JOIN x IN f.tags) FROM f', 'single source'],
  ])('%s', async (query, message) => {
    const source = new ArraySource(FAMILIES, DEFAULT_POLICY);
    await expect(page(source, query)).rejects.toThrow(message);
    await expect(page(source, query)).rejects.toThrow(DatabaseError);
  });
});

describe('ORDER BY several properties', () => {
  const composite = (...paths: [path: string, order: string][]) => ({
    ...DEFAULT_POLICY,
    compositeIndexes: [paths.map(([path, order]) => ({ path, order }))],
  });
  const policy = composite(['/a', 'ascending'], ['/b/c', 'descending']);
  const long = 'x'.repeat(700);
  const items: JsonObject[] = [
    { id: '0', a: 1, b: { c: 1 } },
    { id: '1', a: 1, b: { c: 2 } },
    { id: '2', a: 0, b: { c: 1 } },
    { id: '3', a: 1, b: { c: 1 } },
    { id: '4', a: 'z', b: { c: `${long}1` } },
    { id: '5', b: { c: 5 } },
    { id: '6', a: 1 },
    { id: '7', a: 'z', b: { c: `${long}3` } },
    { id: '8', a: 'z', b: { c: `${long}2` } },
    { id: '9', a: null, b: null },
  ];

  test.each([
    ['ORDER BY c.a, c.b.c DESC', '5 9 2 1 0 3 6 7 8 4'],
    ['ORDER BY c.a DESC, c.b.c', '4 8 7 6 3 0 1 2 9 5'],
  ])('%s', async (order, expected) => {
    for (const itemCountMax of [100, 2, 1]) {
      const source = new ArraySource(items, policy);
      const ids = await values(source, `SELECT VALUE c.id FROM c ${order}`, { itemCountMax });
      expect(ids.join(' '), `pages of ${itemCountMax}`).toBe(expected);
      const some = `SELECT VALUE c.id FROM c WHERE c.a = 1 ${order} OFFSET 1 LIMIT 2`;
      const wanted = expected.split(' ').filter((id) => '0136'.includes(id));
      expect(await values(source, some, { itemCountMax })).toEqual(wanted.slice(1, 3));
    }
  });

  test('an order needs a composite index with just these paths and directions', async () => {
    const source = new ArraySource(items, policy);
    for (const order of ['c.a, c.b.c', 'c.b.c DESC, c.a', 'c.a, c.b.c DESC, c.id', 'c.a, c.b DESC']) {
      await expect(page(source, `SELECT * FROM c ORDER BY ${order}`)).rejects.toThrow('composite index');
    }
  });

  test('pages go on behind an item that is gone or has moved', async () => {
    const source = new ArraySource(items, policy);
    const query = 'SELECT VALUE c.id FROM c ORDER BY c.a, c.b.c DESC';
    const first = await page(source, query, { itemCountMax: 5 });
    expect(first.rows).toEqual(['"5"', '"9"', '"2"', '"1"', '"0"']);
    source.items.delete(3);
    const continuation = first.continuation ?? '';
    expect((await page(source, query, { continuation })).rows.join('')).toBe('"3""6""7""8""4"');
  });
});

describe('pages among the rows of an item', () => {
  const items = [10, 0, 3].map((count, id) => ({
    id: String(id),
    list: Array.from({ length: count }, (_, n) => n),
  }));

  test('a page may end anywhere', async () => {
    const source = new ArraySource(items, DEFAULT_POLICY);
    for (const itemCountMax of [1, 2, 3, 4, 7, 100]) {
      const all = await pages(source, 'SELECT VALUE [c.id, x] FROM c JOIN x IN c.list', { itemCountMax });
      expect(all.flat()).toEqual(items.flatMap(({ id, list }) => list.map((n) => JSON.stringify([id, n]))));
      const ordered = await pages(
        source,
        'SELECT VALUE [c.id, x] FROM c JOIN x IN c.list ORDER BY c.id DESC',
        {
          itemCountMax,
        },
      );
      expect(
        ordered
          .flat()
          .map((row) => (JSON.parse(row) as Json[])[0])
          .join(''),
      ).toBe('2220000000000');
    }
  });

  test('an item that changed meanwhile neither hides nor repeats others', async () => {
    const source = new ArraySource(items, DEFAULT_POLICY);
    const query = 'SELECT VALUE [c.id, x] FROM c JOIN x IN c.list';
    const { continuation = '' } = await page(source, query, { itemCountMax: 4 });
    source.items.delete(3);
    expect((await page(source, query, { continuation })).rows).toEqual(['["2",0]', '["2",1]', '["2",2]']);
  });
});

describe('DISTINCT and GROUP BY over pages', () => {
  const items = Array.from({ length: 300 }, (_, n) => ({ id: String(n), k: (n * 7) % 50, s: `s${n % 3}` }));
  const source = new ArraySource(items, DEFAULT_POLICY);

  test.each([
    ['SELECT DISTINCT VALUE c.k FROM c', 50],
    ['SELECT DISTINCT VALUE c.k FROM c ORDER BY c.k', 50],
    ['SELECT DISTINCT VALUE c.k FROM c ORDER BY c.k DESC', 50],
    ['SELECT DISTINCT VALUE c.s FROM c ORDER BY c.id', 3],
    ['SELECT c.k, COUNT(1) AS n FROM c GROUP BY c.k', 50],
    ['SELECT VALUE c.k FROM c GROUP BY c.k, c.s', 150],
  ])('%s', async (query, count) => {
    const all = (await pages(source, query, { itemCountMax: 1_000 })).flat();
    expect(all).toHaveLength(count);
    for (const itemCountMax of [7, 50]) {
      expect((await pages(source, query, { itemCountMax })).flat()).toEqual(all);
    }
  });

  test('no empty page comes after the last group', async () => {
    for (const query of [
      'SELECT c.s, COUNT(1) AS n FROM c GROUP BY c.s',
      'SELECT DISTINCT c.s FROM c GROUP BY c.s, c.k',
      'SELECT VALUE g.s FROM (SELECT DISTINCT c.s FROM c) AS g',
      "SELECT VALUE c.s != 's2' ? c.s : c.none FROM c GROUP BY c.s, c.none",
    ]) {
      const count = query.includes('none') ? 2 : 3;
      expect((await pages(source, query, { itemCountMax: count })).map(({ length }) => length)).toEqual([
        count,
      ]);
      expect(await pages(source, query, { itemCountMax: 1 })).toHaveLength(count);
    }
  });

  test('rows that appear or vanish between pages move no others', async () => {
    const changing = new ArraySource(items, DEFAULT_POLICY);
    const query = 'SELECT VALUE c.k FROM c GROUP BY c.k';
    const first = await page(changing, query, { itemCountMax: 10 });
    const given = first.rows.map(String);
    // The first item of the first group: another item of that group stands for it now.
    changing.items.delete(3);
    const rest = await values(changing, query, { continuation: first.continuation ?? '' });
    const missing = items.map(({ k }) => k).filter((k) => !given.includes(String(k)));
    for (const k of missing) expect(rest).toContain(k);
  });
});

describe('what a page leaves to the next one', () => {
  const items = Array.from({ length: 2_000 }, (_, n) => ({
    id: String(n),
    k: (n * 7) % 500,
    s: `s${n % 3}`,
  }));
  const QUERIES = [
    'SELECT DISTINCT VALUE c.k FROM c',
    'SELECT DISTINCT c.k FROM c ORDER BY c.k DESC',
    'SELECT c.k, COUNT(1) AS n FROM c GROUP BY c.k',
    'SELECT VALUE s.k FROM (SELECT DISTINCT c.k, c.s FROM c) AS s',
    'SELECT VALUE c.k FROM c WHERE c.k < 200 ORDER BY c.k, c.s DESC',
  ];
  const policy = {
    ...DEFAULT_POLICY,
    compositeIndexes: [
      [
        { path: '/k', order: 'ascending' },
        { path: '/s', order: 'descending' },
      ],
    ],
  };

  test.each([
    ['SELECT TOP 10 * FROM c ORDER BY c.k, c.s DESC', 10, 10],
    ['SELECT TOP 10 * FROM c ORDER BY c.k DESC, c.s', 10, 10],
    ['SELECT * FROM c WHERE c.flag = true ORDER BY c.flag, c.k DESC', 1_500, 1_500],
    ['SELECT TOP 10 * FROM c WHERE c.flag = true AND c.k > 100 ORDER BY c.flag, c.k DESC', 10, 20],
  ])('%s: items are read as the page needs them', async (query, count, loads) => {
    const flagged = items.map((item, n) => ({ ...item, flag: n % 4 > 0 }));
    const orders = [...policy.compositeIndexes, [{ path: '/flag' }, { path: '/k', order: 'descending' }]];
    const source = new ArraySource(flagged, { ...policy, compositeIndexes: orders });
    expect((await page(source, query, { itemCountMax: 2_000 })).rows).toHaveLength(count);
    expect(source.loads).toBeLessThanOrEqual(loads);
  });

  test.each(QUERIES)('%s: later pages read nothing again', async (query) => {
    const source = new ArraySource(items, policy);
    const plain = (await pages(source, query, { itemCountMax: 40 })).flat();
    // What needs no items reads their properties instead.
    const reads = () => source.loads || source.postingsRead;
    const without = reads();
    source.loads = 0;
    source.postingsRead = 0;
    const carryOvers = new CarryOvers();
    expect((await pages(source, query, { itemCountMax: 40, carryOvers })).flat()).toEqual(plain);
    expect(reads()).toBeLessThan(Math.min(2.5 * items.length, without / 2));
  });

  test.each(QUERIES)('%s: a page that is asked for twice is the same', async (query) => {
    const source = new ArraySource(items, policy);
    const carryOvers = new CarryOvers();
    const { continuation = '' } = await page(source, query, { itemCountMax: 30, carryOvers });
    const once = await page(source, query, { itemCountMax: 30, carryOvers, continuation });
    const again = await page(source, query, { itemCountMax: 30, carryOvers, continuation });
    expect(again.rows).toEqual(once.rows);
    expect(again.continuation).toBe(once.continuation);
  });

  test('nothing is carried over to another state, another time or another query', async () => {
    const source = new ArraySource(items, DEFAULT_POLICY);
    const carryOvers = new CarryOvers();
    const query = 'SELECT c.k, COUNT(1) AS n FROM c WHERE NOT (c.s = @s OR c.k = "none") GROUP BY c.k';
    const parameters = { '@s': 'none' };
    const { continuation = '' } = await page(source, query, { itemCountMax: 1, carryOvers, parameters });
    const other = await page(source, query, { carryOvers, continuation, parameters: { '@s': 's1' } });
    expect(other.rows[0]?.toString()).toBe('{"k":14,"n":3}');
    source.items.delete(3 + 2 * 501);
    const changed = await page(source, query, { carryOvers, continuation, parameters });
    expect(changed.rows[0]?.toString()).toBe('{"k":7,"n":3}');
    const kept = new CarryOvers();
    const left = { memory: new QueryMemory() };
    kept.keep('key', left, 1_000);
    expect(kept.take('key', 12_000)).toBeUndefined();
    kept.keep('key', left, 1_000);
    expect(kept.take('key', 11_000)).toBe(left);
    expect(kept.take('key', 11_000)).toBeUndefined();
  });

  test('little is kept, and nothing for long', () => {
    const kept = new CarryOvers();
    const large = () => {
      const memory = new QueryMemory();
      memory.take(20_000_000);
      return { memory };
    };
    kept.keep('a', large(), 0);
    kept.keep('b', large(), 0);
    expect(kept.take('a', 0)).toBeUndefined();
    expect(kept.take('b', 0)).toBeDefined();
    kept.keep('c', large(), 0);
    kept.keep('d', { memory: new QueryMemory() }, 20_000);
    expect(kept.take('c', 0), 'what is too old goes when something comes').toBeUndefined();
    expect(kept.take('d', 20_000)).toBeDefined();
  });
});

describe('user-defined functions', () => {
  const FUNCTIONS: Record<string, (...operands: (Json | undefined)[]) => Json | undefined> = {
    double: (x) => (typeof x === 'number' ? 2 * x : undefined),
    kind: (x) => (x === undefined ? 'none' : typeof x),
    pair: (x, y) => [x ?? 'no x', y ?? 'no y'],
  };

  /** Values come later, and in batches. */
  function caller(): { callFunctions: FunctionCaller; batches: number[] } {
    const batches: number[] = [];
    const callFunctions: FunctionCaller = async (calls) => {
      batches.push(calls.length);
      await Promise.resolve();
      return calls.map(({ name, operands }) => FUNCTIONS[name]?.(...operands));
    };
    return { callFunctions, batches };
  }

  test.each<[query: string, expected: Json[]]>([
    ['SELECT VALUE udf.double(f.n) FROM f', [6, 2, 6]],
    ['SELECT VALUE f.id FROM f WHERE udf.double(f.n) = 2', ['wakefield']],
    ['SELECT VALUE udf.pair(udf.double(udf.double(f.n)), f.none) FROM f WHERE f.n = 1', [[4, 'no y']]],
    ['SELECT VALUE udf.kind(f.none) FROM f WHERE f.n = 1', ['none']],
    [
      'SELECT VALUE f.id FROM f WHERE udf.double(f.n) > 1 ORDER BY f.id DESC',
      ['wakefield', 'bare', 'andersen'],
    ],
    [
      'SELECT VALUE udf.pair(f.n, t) FROM f JOIN t IN f.tags WHERE udf.kind(t) = "string" AND t < "b"',
      [
        [3, 'a'],
        [3, 'a'],
      ],
    ],
    ['SELECT DISTINCT VALUE udf.double(f.n) FROM f', [6, 2]],
    ['SELECT VALUE SUM(udf.double(f.n)) FROM f WHERE f.n > 0', [14]],
    [
      'SELECT udf.kind(f.n) AS k, COUNT(1) AS c FROM f GROUP BY udf.kind(f.n)',
      [
        { k: 'number', c: 3 },
        { k: 'object', c: 1 },
      ],
    ],
    ['SELECT VALUE udf.double(COUNT(1)) FROM f GROUP BY f.n', [4, 2, 2]],
    [
      'SELECT VALUE ARRAY(SELECT VALUE udf.double(c.grade) FROM c IN f.children) FROM f WHERE f.n = 1',
      [[2, 16]],
    ],
    ['SELECT VALUE udf.double(21)', [42]],
  ])('%s', async (query, expected) => {
    const source = new ArraySource(FAMILIES, DEFAULT_POLICY);
    for (const itemCountMax of [100, 1]) {
      const { callFunctions } = caller();
      expect(await values(source, query, { itemCountMax, callFunctions })).toEqual(expected);
    }
  });

  test('calls are made in batches, equal ones once', async () => {
    const items = Array.from({ length: 1_000 }, (_, n) => ({ id: String(n), n: n % 10 }));
    const source = new ArraySource(items, DEFAULT_POLICY);
    const { callFunctions, batches } = caller();
    const query = 'SELECT VALUE c.id FROM c WHERE udf.double(c.n) = 4 AND udf.kind(c.id) = "string"';
    expect(await values(source, query, { itemCountMax: 1_000, callFunctions })).toHaveLength(100);
    expect(batches.length).toBeLessThan(40);
    expect(Math.max(...batches)).toBeGreaterThan(5);
  });

  test('are refused where nobody runs them, and when there are too many', async () => {
    const source = new ArraySource(FAMILIES, DEFAULT_POLICY);
    await expect(page(source, 'SELECT VALUE udf.f(f.n) FROM f')).rejects.toThrow(
      'udf.f cannot be called here',
    );
    const many = Array.from({ length: 11 }, () => 'udf.f(1)').join(' + ');
    await expect(page(source, `SELECT VALUE ${many} FROM f`)).rejects.toThrow('at most 10 calls');
    const failing: FunctionCaller = () => Promise.reject(new DatabaseError('BadRequest', 'it threw'));
    const call = page(source, 'SELECT VALUE udf.f(f.n) FROM f', { callFunctions: failing });
    await expect(call).rejects.toThrow('it threw');
    expect(source.open).toBe(0);
  });
});

describe('bounds', () => {
  test('what would fill the memory is refused', async () => {
    const items = Array.from({ length: 40 }, (_, n) => ({ id: String(n), text: 'x'.repeat(1_000_000) + n }));
    const source = new ArraySource(items, NO_POLICY);
    await expect(page(source, 'SELECT MAKELIST(c.text) AS all FROM c')).rejects.toThrow(
      'keeps more than 64 MB',
    );
    await expect(page(source, 'SELECT c.text FROM c GROUP BY c.text')).rejects.toThrow(
      'keeps more than 64 MB',
    );
    expect((await page(source, 'SELECT DISTINCT c.text FROM c', { bytesMax: 1 })).rows).toHaveLength(1);
    expect(source.open).toBe(0);
  });

  test('subqueries that multiply are refused', async () => {
    const list = Array.from({ length: 2_000 }, (_, n) => n);
    const source = new ArraySource([{ id: '1', list }], DEFAULT_POLICY);
    const query =
      'SELECT VALUE (SELECT VALUE COUNT(1) FROM a IN c.list JOIN b IN c.list JOIN d IN c.list) FROM c';
    await expect(page(source, query)).rejects.toThrow('rows for a single row');
  });

  test('a long product of arrays lets others run', async () => {
    const list = Array.from({ length: 400 }, (_, n) => n);
    const source = new ArraySource([{ id: '1', list }], DEFAULT_POLICY);
    let pauses = 0;
    const pause = () => {
      pauses++;
      return Promise.resolve();
    };
    for (const query of [
      'SELECT VALUE a FROM c JOIN a IN c.list JOIN b IN c.list WHERE a + b = 798',
      'SELECT DISTINCT VALUE a % 2 FROM c JOIN a IN c.list JOIN b IN c.list',
      'SELECT COUNT(1) AS n FROM c JOIN a IN c.list JOIN b IN c.list',
    ]) {
      pauses = 0;
      await values(source, query, { pause });
      expect(pauses, query).toBeGreaterThan(5);
    }
  });
});
